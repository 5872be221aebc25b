//! Decimal digits of ASCII text as an integer, eight at a time.

/// A number of this many digits fits into 64 bits.
pub(super) const MOST: usize = 19;

/// The powers of ten that fit into 64 bits.
pub(super) const POWERS_OF_TEN: [u64; MOST + 1] = {
    let mut powers = [1; MOST + 1];
    let mut power = 1;
    while power <= MOST {
        powers[power] = powers[power - 1] * 10;
        power += 1;
    }
    powers
};

/// Reads the leading digits of a text and appends them to `number`: returns the rest of the text, and the new number.
///
/// The number is right if it has at most [`MOST`] digits; a longer one wraps around.
#[inline]
pub(super) fn leading(mut text: &[u8], mut number: u64) -> (&[u8], u64) {
    while let Some((word, after)) = text.split_first_chunk() {
        let word = u64::from_le_bytes(*word);
        let count = count(word);
        if count == 0 {
            return (text, number);
        }
        // Zeros come before the digits, and what follows them is shifted out.
        number = number.wrapping_mul(POWERS_OF_TEN[count]).wrapping_add(eight(word << (64 - 8 * count)));
        if count < 8 {
            return (&text[count..], number);
        }
        text = after;
    }
    while let [byte @ b'0'..=b'9', after @ ..] = text {
        number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        text = after;
    }
    (text, number)
}

/// How many of the lowest bytes of a word are digits.
#[inline]
const fn count(word: u64) -> usize {
    // For a digit, and only for a digit, the high half is that of `0` and the sum stays below 0x80.
    let other = word ^ 0x3030_3030_3030_3030;
    let beyond = (other & 0x7f7f_7f7f_7f7f_7f7f).wrapping_add(0x7676_7676_7676_7676) | other;
    (beyond & 0x8080_8080_8080_8080).trailing_zeros() as usize / 8
}

/// The number of eight digits, or zero bytes, the lowest byte first: pairs, then fours, then all.
#[inline]
const fn eight(word: u64) -> u64 {
    let pairs = (word & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(10 << 8 | 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 << 16 | 1) >> 16;
    (fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 << 32 | 1) >> 32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_digits_are_those_that_the_standard_library_reads(
            number in "[0-9]{0,19}",
            rest in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let text = [number.as_bytes(), &rest].concat();
            let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (rest, value) = leading(&text, 0);
            prop_assert_eq!(rest, &text[length..]);
            if (1..=MOST).contains(&length) {
                let digits = str::from_utf8(&text[..length]).unwrap();
                prop_assert_eq!(value, digits.parse::<u64>().unwrap());
            }
        }
    }

    #[test]
    fn only_digits_are_digits() {
        for byte in 0..=u8::MAX {
            let text = [b'1', byte, b'2', b'3', b'4', b'5', b'6', b'7'];
            assert_eq!(leading(&text, 0).0.len(), if byte.is_ascii_digit() { 0 } else { 7 }, "{byte:#x}");
        }
    }

    #[test]
    fn digits_follow_those_of_a_number() {
        assert_eq!(leading(b"25,", 3), (&b","[..], 325));
        assert_eq!(leading(b"2500000000000,", 3), (&b","[..], 32_500_000_000_000));
        assert_eq!(leading(b"", 7), (&b""[..], 7));
    }
}
