//! Only encodes rows, for the profiler: `encode ours flat 100000`.

use std::hint::black_box;

use clap::{Parser, ValueEnum};
use prost::Message;
use zerobus_peer::rows::{Flat, Nested, Numbered, Pool, ProstFlat, ProstNested, ProstWide, Wide};
use zerobus_runtime::{Encoder, ZerobusMessage};

#[derive(Debug, Parser)]
struct Arguments {
    by: By,
    shape: Shape,
    rows: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// Our types, into a reused buffer, as a stream does it.
    Ours,
    /// `encode_to_vec`, as the official client requires.
    Prost,
    /// `encode` into a reused buffer.
    ProstInto,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shape {
    Flat,
    Nested,
    Wide,
}

fn main() {
    let Arguments { by, shape, rows } = Arguments::parse();
    match (by, shape) {
        (By::Ours, Shape::Flat) => ours::<Flat>(rows),
        (By::Ours, Shape::Nested) => ours::<Nested>(rows),
        (By::Ours, Shape::Wide) => ours::<Wide>(rows),
        (By::Prost, Shape::Flat) => prost::<ProstFlat>(rows),
        (By::Prost, Shape::Nested) => prost::<ProstNested>(rows),
        (By::Prost, Shape::Wide) => prost::<ProstWide>(rows),
        (By::ProstInto, Shape::Flat) => prost_into::<ProstFlat>(rows),
        (By::ProstInto, Shape::Nested) => prost_into::<ProstNested>(rows),
        (By::ProstInto, Shape::Wide) => prost_into::<ProstWide>(rows),
    }
}

fn ours<T: Numbered + ZerobusMessage>(rows: u64) {
    let mut pool = Pool::<T>::new();
    let mut out = Encoder::with_capacity(64 * 1024);
    for n in 0..rows {
        if out.len() > 32 * 1024 {
            out = Encoder::with_capacity(64 * 1024);
        }
        pool.row(n).encode_to(&mut out);
        black_box(out.as_slice());
    }
}

fn prost<T: Numbered + Message>(rows: u64) {
    let mut pool = Pool::<T>::new();
    for n in 0..rows {
        black_box(pool.row(n).encode_to_vec());
    }
}

fn prost_into<T: Numbered + Message>(rows: u64) {
    let mut pool = Pool::<T>::new();
    let mut out = Vec::with_capacity(64 * 1024);
    for n in 0..rows {
        if out.len() > 32 * 1024 {
            out.clear();
        }
        // A `Vec` grows as needed, so encoding cannot fail.
        let _ = pool.row(n).encode(&mut out);
        black_box(&out);
    }
}
