#![doc = include_str!("../README.md")]

pub mod message;
#[doc(hidden)]
pub mod wire;

pub use message::{Encoder, ZerobusMessage};
