//! Times: RFC 3339 for programs, text in the site's time zone for people. A script replaces that text by the reader's zone.
//! `jiff` includes the time zones, so no file of the system is needed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use fluent_templates::fluent_bundle::FluentValue;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use mongodb::bson;

use super::Locale;

#[derive(Clone)]
pub struct Clock {
    zone: TimeZone,
    /// By [`Locale::index`].
    patterns: Arc<[Patterns]>,
}

#[derive(Clone, Copy)]
pub(super) enum TimeFormat {
    Time,
    Day,
    /// The date without the day of the week.
    Date,
    /// The date without a year, for lists.
    MonthDay,
    Short,
    /// The date with the day of the week, the time of day and the zone.
    Full,
}

/// The texts of a language with placeholders for numbers. A Fluent lookup for each chat would take a third of its
/// rendering, so each hour, month and day of the week is looked up once.
struct Patterns {
    /// By hour, with [`MINUTE`].
    clock: Vec<String>,
    /// By month, then by day of the week, with [`YEAR`] and [`DAY`].
    day: Vec<Vec<String>>,
    /// By month, with [`YEAR`] and [`DAY`].
    date: Vec<String>,
    /// By month, with [`DAY`].
    month_day: Vec<String>,
    /// By month, with [`YEAR`], [`DAY`] and [`CLOCK`].
    moment: Vec<String>,
    /// With [`DATE`], [`CLOCK`] and [`ZONE`].
    full: String,
}

// Placeholders from the private use area.
const YEAR: char = '\u{e000}';
const DAY: char = '\u{e001}';
const MINUTE: char = '\u{e002}';
const CLOCK: char = '\u{e003}';
const DATE: char = '\u{e004}';
const ZONE: char = '\u{e005}';

impl Patterns {
    fn new(locale: Locale) -> Self {
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
            date: (1..=12).map(|month| text("time-date", &[("month", month)], &[])).collect(),
            month_day: (1..=12).map(|month| text("time-month-day", &[("month", month)], &[])).collect(),
            moment: (1..=12).map(|month| text("time-moment", &[("month", month)], &[])).collect(),
            full: text("time-full", &[], &[]),
        }
    }

    fn clock(&self, at: DateTime) -> String {
        fill(pattern_at(&self.clock, at.hour()), &[(MINUTE, &format!("{:02}", at.minute()))])
    }

    fn day(&self, at: DateTime) -> String {
        let weekdays = self.day.get(usize::try_from(at.month() - 1).unwrap_or_default()).map_or(&[][..], Vec::as_slice);
        let pattern = pattern_at(weekdays, at.weekday().to_monday_zero_offset());
        fill(pattern, &[(YEAR, &at.year().to_string()), (DAY, &at.day().to_string())])
    }

    fn date(&self, at: DateTime) -> String {
        let pattern = pattern_at(&self.date, at.month() - 1);
        fill(pattern, &[(YEAR, &at.year().to_string()), (DAY, &at.day().to_string())])
    }

    fn month_day(&self, at: DateTime) -> String {
        fill(pattern_at(&self.month_day, at.month() - 1), &[(DAY, &at.day().to_string())])
    }

    fn moment(&self, at: DateTime) -> String {
        let pattern = pattern_at(&self.moment, at.month() - 1);
        fill(pattern, &[(YEAR, &at.year().to_string()), (DAY, &at.day().to_string()), (CLOCK, &self.clock(at))])
    }

    fn full(&self, at: DateTime, zone: &str) -> String {
        fill(&self.full, &[(DATE, &self.day(at)), (CLOCK, &self.clock(at)), (ZONE, zone)])
    }
}

fn pattern_at(patterns: &[String], index: i8) -> &str {
    usize::try_from(index).ok().and_then(|index| patterns.get(index)).map_or("", String::as_str)
}

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
    pub fn new(zone: TimeZone) -> Self {
        Self { zone, patterns: Locale::all().map(Patterns::new).collect() }
    }

    pub fn date(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    pub(super) fn format(&self, at: Timestamp, format: TimeFormat, locale: Locale) -> String {
        let (time, patterns) = (self.zone.to_datetime(at), &self.patterns[locale.index()]);
        match format {
            TimeFormat::Time => patterns.clock(time),
            TimeFormat::Day => patterns.day(time),
            TimeFormat::Date => patterns.date(time),
            TimeFormat::MonthDay => patterns.month_day(time),
            TimeFormat::Short => patterns.moment(time),
            TimeFormat::Full => match self.zone.iana_name() {
                Some(name) => patterns.full(time, name),
                None => patterns.full(time, self.zone.to_offset_info(at).abbreviation()),
            },
        }
    }

    /// Formats a time in RFC 3339. Other text stays as it is.
    pub(super) fn format_rfc3339(&self, at: &str, format: TimeFormat, locale: Locale) -> String {
        at.parse().map_or_else(|_| at.to_owned(), |at| self.format(at, format, locale))
    }
}

/// Converts a stored time. Times after the year 9999 become its last moment.
pub(super) fn timestamp(at: bson::DateTime) -> Timestamp {
    Timestamp::from_millisecond(at.timestamp_millis()).unwrap_or(Timestamp::MAX)
}

pub(super) fn rfc3339(at: bson::DateTime) -> String {
    format!("{:.3}", timestamp(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(zone: &str, at: &str, format: TimeFormat) -> [String; 2] {
        let clock = Clock::new(TimeZone::get(zone).unwrap());
        ["en", "ko"].map(|tag| clock.format_rfc3339(at, format, Locale::from_tag(tag).unwrap()))
    }

    #[test]
    fn times_read_naturally_in_the_zone_of_the_site() {
        let at = "2026-11-27T15:05:09.120Z";
        assert_eq!(words("Asia/Seoul", at, TimeFormat::Time), ["12:05 AM", "오전 12:05"]);
        assert_eq!(words("America/New_York", at, TimeFormat::Time), ["10:05 AM", "오전 10:05"]);
        assert_eq!(words("Europe/Berlin", at, TimeFormat::Time), ["4:05 PM", "오후 4:05"]);
        assert_eq!(
            words("Asia/Seoul", at, TimeFormat::Day),
            ["Saturday, November 28, 2026", "2026년 11월 28일 토요일"]
        );
        assert_eq!(words("UTC", at, TimeFormat::MonthDay), ["Nov 27", "11월 27일"]);
        assert_eq!(words("UTC", at, TimeFormat::Short), ["Nov 27, 2026, 3:05 PM", "2026년 11월 27일 오후 3:05"]);
        assert_eq!(
            words("Asia/Seoul", at, TimeFormat::Full),
            ["Saturday, November 28, 2026 at 12:05 AM (Asia/Seoul)", "2026년 11월 28일 토요일 오전 12:05 (Asia/Seoul)"]
        );
    }

    #[test]
    fn every_month_day_and_hour_has_words() {
        for month in 1..=12 {
            for day in 1..=7 {
                let at = format!("2026-{month:02}-{day:02}T{:02}:00:00Z", (month * 2 + day) % 24);
                for format in
                    [TimeFormat::Time, TimeFormat::Day, TimeFormat::MonthDay, TimeFormat::Short, TimeFormat::Full]
                {
                    for words in words("UTC", &at, format) {
                        assert!(!words.is_empty() && !words.contains(['{', '$', '?']), "{words}");
                    }
                }
            }
        }
        assert_eq!(words("UTC", "2026-01-01T12:00:00Z", TimeFormat::Time), ["12:00 PM", "오후 12:00"]);
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
