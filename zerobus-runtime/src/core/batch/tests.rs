use super::*;

/// A batch in which every one of these rows takes this many bytes, key and length included.
fn batch(first: u64, rows: u64, bytes: usize) -> Batch {
    let mut open = OpenBatch::new(rows_len(rows, bytes));
    open.begin(first, Duration::ZERO);
    for _ in 0..rows {
        write(&mut open, bytes);
    }
    open.cut()
}

fn rows_len(rows: u64, bytes: usize) -> usize {
    usize::try_from(rows).unwrap() * bytes
}

/// Writes a record that takes this many bytes; its row has fewer than 130.
fn write(open: &mut OpenBatch, bytes: usize) {
    let before = open.len();
    let row = if bytes < 130 { bytes - 2 } else { bytes - 3 };
    let appended: Result<usize, ()> = open.append(|out| {
        out.raw(&vec![7; row]);
        Ok(())
    });
    assert_eq!((appended, open.len()), (Ok(bytes), before + bytes));
}

/// An open batch with this room that holds one record of this many bytes.
fn open_of(room: usize, bytes: usize) -> OpenBatch {
    let mut open = OpenBatch::new(room);
    open.begin(0, Duration::ZERO);
    write(&mut open, bytes);
    open
}

#[test]
fn a_batch_is_full_for_what_goes_beyond_its_room() {
    let open = open_of(100, 60);
    assert!(!open.is_full_for(40), "that is exactly the room");
    assert!(open.is_full_for(41));
}

#[test]
fn a_batch_has_its_memory_before_its_first_row() {
    let mut open = OpenBatch::new(160);
    open.begin(0, Duration::ZERO);
    assert_eq!(open.out.capacity(), 160);
}

#[test]
fn a_batch_that_nearly_fills_its_buffer_takes_it_along_and_a_smaller_one_is_copied() {
    let mut open = open_of(160, 149);
    assert_eq!(open.cut().body.len(), 149);
    assert_eq!(open.out.capacity(), 160, "the buffer is there for the next batch");
    let mut open = open_of(160, 150);
    assert_eq!(open.cut().body.len(), 150);
    assert_eq!(open.out.capacity(), 0);
}

#[test]
fn a_batch_that_is_longer_than_its_room_holds_no_more_memory_than_its_bytes() {
    let mut open = open_of(160, 203);
    assert!(open.out.capacity() > 203, "the buffer has grown beyond the row");
    let body = open.cut().body.try_into_mut().unwrap();
    assert_eq!((body.len(), body.capacity()), (203, 203));
}

#[test]
fn a_row_that_fails_or_panics_leaves_no_byte() {
    let mut open = open_of(100, 10);
    let failed = open.append(|out| {
        out.raw(b"half of a row");
        Err("no")
    });
    assert_eq!((failed, open.len(), open.rows()), (Err("no"), 10, 1));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        open.append(|out| -> Result<(), ()> {
            out.raw(b"half of a row");
            panic!("in the middle");
        })
    }));
    assert!(panicked.is_err());
    write(&mut open, 12);
    let lens: Vec<usize> = open.cut().records().map(|record| record.len()).collect();
    assert_eq!(lens, [8, 10]);
}

#[test]
fn a_row_counts_with_its_key_and_its_length() {
    for len in [0, 1, 127, 128, 16_383, 16_384, 70_000] {
        let row = vec![1; len];
        let batch = Batch::of_row(5, &row, Persisted::No);
        assert_eq!(Batch::record_len(len), batch.body.len(), "a row of {len} bytes");
        assert_eq!((batch.first, batch.rows), (5, 1));
        assert_eq!(batch.records().collect::<Vec<_>>(), [row]);
    }
}

#[test]
fn a_row_that_may_have_been_persisted_stays_so_and_the_next_batch_is_not() {
    for persisted in [Persisted::No, Persisted::Possibly] {
        assert_eq!(Batch::of_row(0, b"x", persisted).persisted(), persisted);
    }
    let mut open = open_of(100, 10);
    open.was_sent();
    assert_eq!(open.cut().persisted(), Persisted::Possibly);
    open.begin(1, Duration::ZERO);
    write(&mut open, 10);
    assert_eq!(open.cut().persisted(), Persisted::No);
}

#[test]
fn the_first_row_is_dropped_where_another_is_left() {
    let mut two = batch(3, 2, 10);
    assert!(two.drop_first());
    assert_eq!((two.first, two.rows, two.body.len()), (4, 1, 10));
    assert!(!two.drop_first(), "nothing is left behind it");
}

#[test]
fn as_many_rows_fit_as_lie_within_the_bytes_and_one_always_goes() {
    let batch = batch(0, 3, 12);
    let fits: Vec<u32> = [0, 12, 23, 24, 35, 36, 1000].map(|bytes| batch.rows_within(bytes)).to_vec();
    assert_eq!(fits, [1, 1, 1, 2, 2, 3, 3]);
}

#[test]
fn batches_join_up_to_the_limits_and_keep_their_rows_and_doubts() {
    let (mut one, next) = (batch(0, 1, 10), Batch { attempts: 2, ..batch(1, 3, 20) });
    assert!(one.can_take(&next, 70, 4));
    assert!(!one.can_take(&next, 69, 4), "by its bytes");
    assert!(!one.can_take(&next, 70, 3), "by its rows");
    one.take(&next);
    assert_eq!((one.first, one.rows, one.body.len(), one.attempts), (0, 4, 70, 2));
    assert_eq!(one.records().count(), 4);
}
