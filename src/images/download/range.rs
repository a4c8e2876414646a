//! Parses `Range` (RFC 9110, section 14): one range of bytes. Several ranges, and other units, mean the whole file.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The bytes from `start` up to `end`, without the last.
    Bytes { start: u64, end: u64, is_whole: bool },
    /// Beyond the end of the file.
    Unsatisfiable,
}

/// Returns the part that a client wants of a file with this tag and length.
pub(super) fn requested_part(range: Option<&str>, if_range: Option<&str>, tag: &str, length: u64) -> Part {
    let whole = Part::Bytes { start: 0, end: length, is_whole: true };
    if if_range.is_some_and(|wanted| wanted != tag) {
        return whole;
    }
    let Some((first, last)) = range.and_then(parse) else { return whole };
    let (start, end) = match (first, last) {
        (Some(first), last) => (first, last.map_or(length, |last| last.saturating_add(1).min(length))),
        (None, Some(count)) => (length.saturating_sub(count), length),
        (None, None) => return whole,
    };
    if start >= end { Part::Unsatisfiable } else { Part::Bytes { start, end, is_whole: false } }
}

/// Returns the numbers around the hyphen, or `None` for what is no single range.
fn parse(range: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| match text {
        "" => Some(None),
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(text.parse().unwrap_or(u64::MAX))),
        _ => None,
    };
    let (first, last) = (number(first)?, number(last)?);
    let is_backward = first.zip(last).is_some_and(|(first, last)| first > last);
    (!is_backward).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_cut_to_the_file() {
        let part = |range, length| requested_part(Some(range), None, "\"tag\"", length);
        let bytes = |start, end| Part::Bytes { start, end, is_whole: false };
        assert_eq!(part("bytes=0-0", 10), bytes(0, 1));
        assert_eq!(part("bytes=2-", 10), bytes(2, 10));
        assert_eq!(part("bytes=2-99999999999999999999999", 10), bytes(2, 10));
        assert_eq!(part("bytes=-3", 10), bytes(7, 10));
        assert_eq!(part("bytes=-30", 10), bytes(0, 10));
        for range in ["bytes=10-", "bytes=99999999999999999999999-", "bytes=-0"] {
            assert_eq!(part(range, 10), Part::Unsatisfiable, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Unsatisfiable);
        for range in ["", "bytes=", "bytes=-", "bytes=3-2", "bytes=0-1,3-4", "lines=1-2", "bytes=a-b", "bytes=+1-2"] {
            assert_eq!(part(range, 10), Part::Bytes { start: 0, end: 10, is_whole: true }, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_file_is_the_whole_one() {
        let part = |tag| requested_part(Some("bytes=0-0"), Some(tag), "\"tag\"", 10);
        assert_eq!(part("\"tag\""), Part::Bytes { start: 0, end: 1, is_whole: false });
        assert_eq!(part("\"other\""), Part::Bytes { start: 0, end: 10, is_whole: true });
    }
}
