//! The store, on every engine: SQLite always, PostgreSQL where `ZKTRAIN_POSTGRES` is the URL of a
//! server whose user may create databases (`coordinator/bin/postgres` starts one). With
//! `ZKTRAIN_POSTGRES=require` and no server these tests fail.

mod backup;
mod kill;
mod opening;
mod place;
mod rounds;
mod uploads;
