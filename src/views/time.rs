//! Times: in RFC 3339 for programs, in words for people. The words are in the site's time zone: a script replaces them by
//! those of the reader's zone. `jiff` brings the time zones along, so that no file of the system is needed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use fluent_templates::fluent_bundle::FluentValue;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use mongodb::bson;

use super::Locale;

/// The clock of a site: its time zone, and how each language tells the time.
#[derive(Clone)]
pub struct Clock {
    zone: TimeZone,
    /// By [`Locale::index`].
    patterns: Arc<[Patterns]>,
}

/// What is said of a time.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// The hour and minute.
    Clock,
    /// The day with its name.
    Day,
    /// The day, the hour and minute.
    Moment,
    /// The day with its name, the hour and minute, the zone.
    Full,
}

/// The texts of a language with marks where numbers stand. Each chat has a time in words, and a lookup in Fluent would be
/// a third of its rendering: all that a text may choose by (the hour, the month, the day of the week) is looked up once.
struct Patterns {
    /// By hour, with [`MINUTE`].
    clock: Vec<String>,
    /// By month, then by day of the week, with [`YEAR`] and [`DAY`].
    day: Vec<Vec<String>>,
    /// By month, with [`YEAR`], [`DAY`] and [`CLOCK`].
    moment: Vec<String>,
    /// With [`DATE`], [`CLOCK`] and [`ZONE`].
    full: String,
}

// For private use: no text has them.
const YEAR: char = '\u{e000}';
const DAY: char = '\u{e001}';
const MINUTE: char = '\u{e002}';
const CLOCK: char = '\u{e003}';
const DATE: char = '\u{e004}';
const ZONE: char = '\u{e005}';

impl Patterns {
    fn of(locale: Locale) -> Self {
        let text = |key: &str, numbers: &[(&'static str, i64)], words: &[(&'static str, &'static str)]| {
            let marks =
                [("year", YEAR), ("day", DAY), ("minute", MINUTE), ("clock", CLOCK), ("date", DATE), ("zone", ZONE)];
            let mut values = HashMap::new();
            values.extend(marks.map(|(name, mark)| (Cow::from(name), FluentValue::from(mark.to_string()))));
            values.extend(numbers.iter().map(|(name, number)| (Cow::from(*name), FluentValue::from(*number))));
            values.extend(words.iter().map(|(name, word)| (Cow::from(*name), FluentValue::from(*word))));
            locale.text_with(key, &values)
        };
        let clock = |hour: i64| {
            let (half, hour12) = (if hour < 12 { "am" } else { "pm" }, (hour + 11) % 12 + 1);
            text("time-clock", &[("hour", hour), ("hour12", hour12)], &[("half", half)])
        };
        let day = |month, weekday| text("time-day", &[("month", month), ("weekday", weekday)], &[]);
        Self {
            clock: (0..24).map(clock).collect(),
            day: (1..=12).map(|month| (1..=7).map(|weekday| day(month, weekday)).collect()).collect(),
            moment: (1..=12).map(|month| text("time-moment", &[("month", month)], &[])).collect(),
            full: text("time-full", &[], &[]),
        }
    }

    fn clock(&self, at: DateTime) -> String {
        fill(place(&self.clock, at.hour()), &[(MINUTE, &format!("{:02}", at.minute()))])
    }

    fn day(&self, at: DateTime) -> String {
        let weekdays = self.day.get(usize::try_from(at.month() - 1).unwrap_or_default()).map_or(&[][..], Vec::as_slice);
        let pattern = place(weekdays, at.weekday().to_monday_zero_offset());
        fill(pattern, &[(YEAR, &at.year().to_string()), (DAY, &at.day().to_string())])
    }

    fn moment(&self, at: DateTime) -> String {
        let pattern = place(&self.moment, at.month() - 1);
        fill(pattern, &[(YEAR, &at.year().to_string()), (DAY, &at.day().to_string()), (CLOCK, &self.clock(at))])
    }

    fn full(&self, at: DateTime, zone: &str) -> String {
        fill(&self.full, &[(DATE, &self.day(at)), (CLOCK, &self.clock(at)), (ZONE, zone)])
    }
}

fn place(patterns: &[String], place: i8) -> &str {
    usize::try_from(place).ok().and_then(|place| patterns.get(place)).map_or("", String::as_str)
}

/// A pattern with its marks filled in.
fn fill(pattern: &str, values: &[(char, &str)]) -> String {
    pattern.chars().fold(String::with_capacity(64), |mut text, c| {
        match values.iter().find(|(mark, _)| *mark == c) {
            Some((_, value)) => text.push_str(value),
            None => text.push(c),
        }
        text
    })
}

impl Clock {
    /// The clock of a time zone.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone, patterns: Locale::all().map(Patterns::of).collect() }
    }

    /// Returns the day of a time.
    pub fn date(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    /// Puts a time into words.
    pub(super) fn words(&self, at: Timestamp, form: Form, locale: Locale) -> String {
        let (time, patterns) = (self.zone.to_datetime(at), &self.patterns[locale.index()]);
        match form {
            Form::Clock => patterns.clock(time),
            Form::Day => patterns.day(time),
            Form::Moment => patterns.moment(time),
            Form::Full => match self.zone.iana_name() {
                Some(name) => patterns.full(time, name),
                None => patterns.full(time, self.zone.to_offset_info(at).abbreviation()),
            },
        }
    }

    /// Puts a time in RFC 3339 into words; what is none stays as it is.
    pub(super) fn words_of(&self, at: &str, form: Form, locale: Locale) -> String {
        at.parse().map_or_else(|_| at.to_owned(), |at| self.words(at, form, locale))
    }
}

/// Returns a stored time as one of `jiff`; what lies beyond the year 9999 is its last one.
pub(super) fn timestamp(at: bson::DateTime) -> Timestamp {
    Timestamp::from_millisecond(at.timestamp_millis()).unwrap_or(Timestamp::MAX)
}

/// Writes a time in RFC 3339, in UTC, with three digits of milliseconds.
pub(super) fn rfc3339(at: bson::DateTime) -> String {
    format!("{:.3}", timestamp(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(zone: &str, at: &str, form: Form) -> [String; 2] {
        let clock = Clock::new(TimeZone::get(zone).unwrap());
        ["en", "ko"].map(|tag| clock.words_of(at, form, Locale::tagged(tag).unwrap()))
    }

    #[test]
    fn times_read_naturally_in_the_zone_of_the_site() {
        let at = "2026-11-27T15:05:09.120Z";
        assert_eq!(words("Asia/Seoul", at, Form::Clock), ["12:05 AM", "오전 12:05"]);
        assert_eq!(words("America/New_York", at, Form::Clock), ["10:05 AM", "오전 10:05"]);
        assert_eq!(words("Europe/Berlin", at, Form::Clock), ["4:05 PM", "오후 4:05"]);
        assert_eq!(words("Asia/Seoul", at, Form::Day), ["Saturday, November 28, 2026", "2026년 11월 28일 토요일"]);
        assert_eq!(words("UTC", at, Form::Moment), ["Nov 27, 2026, 3:05 PM", "2026년 11월 27일 오후 3:05"]);
        assert_eq!(
            words("Asia/Seoul", at, Form::Full),
            ["Saturday, November 28, 2026 at 12:05 AM (Asia/Seoul)", "2026년 11월 28일 토요일 오전 12:05 (Asia/Seoul)"]
        );
    }

    #[test]
    fn every_month_day_and_hour_has_words() {
        for month in 1..=12 {
            for day in 1..=7 {
                let at = format!("2026-{month:02}-{day:02}T{:02}:00:00Z", (month * 2 + day) % 24);
                for form in [Form::Clock, Form::Day, Form::Moment, Form::Full] {
                    for words in words("UTC", &at, form) {
                        assert!(!words.is_empty() && !words.contains(['{', '$', '?']), "{words}");
                    }
                }
            }
        }
        assert_eq!(words("UTC", "2026-01-01T12:00:00Z", Form::Clock), ["12:00 PM", "오후 12:00"]);
    }

    #[test]
    fn a_day_has_as_many_hours_as_its_zone_gives_it() {
        let clock = Clock::new(TimeZone::get("Europe/Berlin").unwrap());
        let day = |at: &str| clock.date(at.parse().unwrap()).to_string();
        assert_eq!(day("2026-10-24T21:59:59Z"), "2026-10-24");
        assert_eq!(day("2026-10-24T22:00:00Z"), "2026-10-25");
        assert_eq!(day("2026-10-25T22:59:59Z"), "2026-10-25");
        assert_eq!(day("2026-10-25T23:00:00Z"), "2026-10-26");
    }

    #[test]
    fn a_time_for_programs_has_three_digits_of_milliseconds() {
        let written = |millis| rfc3339(bson::DateTime::from_millis(millis));
        assert_eq!(written(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(written(1_767_225_600_120), "2026-01-01T00:00:00.120Z");
        assert_eq!(written(1_767_225_600_100), "2026-01-01T00:00:00.100Z");
        assert!(written(i64::MAX).starts_with("9999-12-3"));
    }
}
