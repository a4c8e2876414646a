//! The avatar of users without a picture: the first character of the nickname on a colour, or a silhouette.

use serde::Serialize;

use super::{Locale, Views};
use crate::error::Result;
use crate::models::values::Nickname;

/// White text has a contrast of at least 4.5:1 on each (WCAG 2.2, 1.4.3).
const COLOURS: [&str; 12] = [
    "#8a4b3d", "#7a5a2b", "#5c6632", "#3f6b4a", "#2f6b66", "#2f6480", "#3c5a91", "#574f96", "#744a8c", "#8a4572",
    "#8c4456", "#a04468",
];

/// The ground of a deleted user's silhouette.
const NEUTRAL: &str = "#857d6b";

/// Draws the avatar as SVG, or a silhouette for a deleted user. The colour depends on the id, so it stays when the
/// nickname changes.
pub fn initial_avatar(views: &Views, locale: Locale, id: &str, nickname: Option<&Nickname>) -> Result<String> {
    #[derive(Serialize)]
    struct AvatarContext<'a> {
        /// `None`: a silhouette.
        grapheme: Option<&'a str>,
        colour: &'a str,
    }
    let grapheme = nickname.map(Nickname::initial);
    let colour = if grapheme.is_some() { colour(id) } else { NEUTRAL };
    views.render("users/avatar.svg.tera", locale, &AvatarContext { grapheme, colour })
}

/// Returns the colour of a user or a room.
pub(super) fn colour(id: &str) -> &'static str {
    let sum = id.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    COLOURS[sum % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, as WCAG 2.2 defines it.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn white_stands_out_on_every_colour() {
        for colour in COLOURS {
            let contrast = 1.05 / (luminance(colour) + 0.05);
            assert!(contrast >= 4.5, "{colour}: {contrast:.2}");
        }
    }
}
