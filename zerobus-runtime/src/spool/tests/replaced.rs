//! Small files that are replaced, and crashes during the replacement.

use crate::spool::simulated::{Crash, Disk, Faults};
use crate::spool::storage::{File as _, Storage as _};

const NAME: &str = "label.json";
const TEXTS: [&[u8]; 2] = [b"the label that was there before", b"and the one that replaces it, which is longer"];

fn read(disk: &Disk) -> Vec<u8> {
    let mut file = disk.open(NAME).unwrap();
    let mut text = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(0, &mut text).unwrap();
    text
}

#[test]
fn a_file_that_was_replaced_outlives_the_loss_of_power() {
    for seed in 0..50 {
        let disk = Disk::new(seed);
        for text in TEXTS {
            disk.replace(NAME, text).unwrap();
            disk.restart(Crash::Power);
            assert_eq!(read(&disk), text, "seed {seed}");
        }
    }
}

#[test]
fn a_crash_while_a_file_is_replaced_leaves_one_of_the_two() {
    for seed in 0..50 {
        for operations in 0..6 {
            let disk = Disk::new(seed);
            disk.replace(NAME, TEXTS[0]).unwrap();
            disk.crash_after(operations);
            let replaced = disk.replace(NAME, TEXTS[1]).is_ok();
            disk.restart(Crash::Power);
            let text = read(&disk);
            assert!(text == TEXTS[1] || (!replaced && text == TEXTS[0]), "seed {seed}, {operations}: {text:?}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_replaced_leaves_its_room_to_others() {
    let disk = Disk::new(1);
    disk.replace(NAME, TEXTS[0]).unwrap();
    let used = disk.lens().values().sum();
    disk.set_faults(Faults { capacity: Some(used), ..Faults::default() });
    disk.replace(NAME, TEXTS[1]).unwrap_err();
    assert_eq!((disk.names().unwrap(), read(&disk)), (vec![NAME.to_owned()], TEXTS[0].to_vec()));
}
