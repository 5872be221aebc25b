//! Finds the fields of a row that were renamed, and those that moved.

use std::collections::{HashMap, HashSet};

use crate::{Field, Struct};

/// The renamed fields, by their old names: a dropped and an added field with the same type and place.
pub(super) fn renamed<'a>(old: &'a Struct, new: &'a Struct) -> HashMap<&'a str, &'a Field> {
    let names = |row: &'a Struct| row.fields.iter().map(|field| field.name.as_str()).collect::<HashSet<&str>>();
    let (known, kept) = (names(old), names(new));
    let by_number: HashMap<i32, &Field> = new
        .fields
        .iter()
        .filter(|field| !known.contains(field.name.as_str()))
        .map(|field| (field.number, field))
        .collect();
    let gone = old.fields.iter().filter(|field| !kept.contains(field.name.as_str()));
    gone.filter_map(|field| {
        let to = by_number.get(&field.number)?;
        (to.data_type.to_string() == field.data_type.to_string()).then_some((field.name.as_str(), *to))
    })
    .collect()
}

/// The smallest set of fields that moved to reach the new order.
pub(super) fn moved<'a>(old: &'a Struct, new: &Struct) -> HashSet<&'a str> {
    let places: HashMap<&str, usize> = new.fields.iter().map(|field| field.name.as_str()).zip(0..).collect();
    let common: Vec<(&str, usize)> =
        old.fields.iter().filter_map(|field| Some((field.name.as_str(), *places.get(field.name.as_str())?))).collect();
    if common.is_sorted_by_key(|&(_, place)| place) {
        return HashSet::new();
    }
    // Fields on the longest increasing subsequence stay; `length[i]` is the length of the longest that ends at i.
    let (mut length, mut before) = (vec![1; common.len()], vec![None; common.len()]);
    for i in 0..common.len() {
        for j in 0..i {
            if common[j].1 < common[i].1 && length[j] + 1 > length[i] {
                (length[i], before[i]) = (length[j] + 1, Some(j));
            }
        }
    }
    let mut stays = HashSet::new();
    let mut at = (0..common.len()).max_by_key(|&i| length[i]);
    while let Some(i) = at {
        stays.insert(common[i].0);
        at = before[i];
    }
    common.into_iter().map(|(name, _)| name).filter(|name| !stays.contains(name)).collect()
}
