//! The node as programs meet it: in their process, in its file, over HTTP.

mod node;
mod serve;
