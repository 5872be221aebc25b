//! Measures encoding alone: typed rows into a batch compared with prost's `encode_to_vec`, a thousand rows at a time.
//!
//! `cargo bench --bench encode` in this folder.

use divan::Bencher;
use divan::counter::ItemsCount;
use prost::Message;
use zerobus_peer::rows::{Flat, Nested, Numbered, Pool, ProstFlat, ProstNested, ProstWide, Wide};
use zerobus_runtime::{Encoder, ZerobusMessage};

const ROWS: u64 = 1000;

fn main() {
    divan::main();
}

/// Our types, into a buffer with enough capacity, as a stream does it.
#[divan::bench(types = [Flat, Nested, Wide])]
fn ours<T: Numbered + ZerobusMessage>(bencher: Bencher) {
    let mut rows = Pool::<T>::new();
    bencher.counter(ItemsCount::new(ROWS)).with_inputs(|| Encoder::with_capacity(2 << 20)).bench_local_values(
        |mut out| {
            for n in 0..ROWS {
                rows.row(n).encode_to(&mut out);
            }
            out
        },
    );
}

/// `encode_to_vec`, as the official client requires.
#[divan::bench(types = [ProstFlat, ProstNested, ProstWide])]
fn prost<T: Numbered + Message>(bencher: Bencher) {
    let mut rows = Pool::<T>::new();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        for n in 0..ROWS {
            divan::black_box(rows.row(n).encode_to_vec());
        }
    });
}
