//! Suggestions for misspelled names: the known name at the smallest edit distance.

/// The known name that is most similar to this one, if it is similar enough; the first one if several are equal.
///
/// Case and underscores are ignored. One typing error is allowed per three characters, at least one: an insertion, a
/// deletion, a substitution, or a swap of neighbours.
///
/// ```
/// use zerobus_codegen::likely;
///
/// assert_eq!(likely("renam", ["name", "rename", "rename_all"]), Some("rename"));
/// assert_eq!(likely("magType", ["mag", "mag_type"]), Some("mag_type"));
/// assert_eq!(likely("BIGNIT", ["BIGINT", "INT"]), Some("BIGINT"));
/// assert_eq!(likely("depth", ["time", "mag"]), None);
/// ```
pub fn likely<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = plain(found);
    let allowed = (found.len() / 3).max(1);
    let distances = known.into_iter().map(|name| (distance(&found, &plain(name)), name));
    distances.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

fn plain(name: &str) -> Vec<char> {
    name.chars().filter(|&c| c != '_').flat_map(char::to_lowercase).collect()
}

/// The edit distance of two names, by the Wagner-Fischer algorithm.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before = vec![0; to.len() + 1];
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, &c) in from.iter().enumerate() {
        let mut next = vec![i + 1; to.len() + 1];
        for (j, &d) in to.iter().enumerate() {
            let wrong = row[j] + usize::from(c != d);
            next[j + 1] = wrong.min(row[j + 1] + 1).min(next[j] + 1);
            let swapped = i > 0 && j > 0 && c == to[j - 1] && d == from[i - 1];
            if swapped {
                next[j + 1] = next[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_wins_and_a_far_one_does_not() {
        for (found, known, expected) in [
            ("", &["a", "ab"][..], Some("a")),
            ("skpi", &["skip", "date"], Some("skip")),
            ("timestmap", &["timestamp", "timestamp_ntz"], Some("timestamp")),
            ("ntztimestamp", &["timestamp", "timestamp_ntz"], Some("timestamp")),
            ("x", &["id", "at"], None),
            ("größe", &["groesse", "grösse"], None),
            ("grösse", &["größe", "grosse"], Some("grosse")),
            ("anything", &[], None),
        ] {
            assert_eq!(likely(found, known.iter().copied()), expected, "{found}");
        }
    }

    #[test]
    fn distance_counts_each_typing_error_once() {
        let distance = |a: &str, b: &str| distance(&plain(a), &plain(b));
        for (a, b, errors) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "", 3),
            ("", "abc", 3),
            ("abcd", "acbd", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), errors, "{a} {b}");
            assert_eq!(distance(b, a), errors, "{b} {a}");
        }
    }
}
