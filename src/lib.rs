//! zktrain
