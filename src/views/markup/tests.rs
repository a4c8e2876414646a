use std::time::{Duration, Instant};

use super::*;

fn to_html(text: &str) -> String {
    super::to_html(text, &[])
}

const LINK: &str = "\" rel=\"nofollow noopener noreferrer ugc\" target=\"_blank\">";

#[test]
fn markup_is_text() {
    assert_eq!(to_html("<b>\"&amp;'</b>"), "&lt;b&gt;&quot;&amp;amp;&#39;&lt;/b&gt;");
    assert_eq!(
        to_html("`<b>` ```\n<i>```"),
        "<code>&lt;b&gt;</code> <figure class=\"code\"><pre><code>&lt;i&gt;</code></pre></figure>"
    );
    assert_eq!(to_html("one\n\n\ntwo  "), "one\n\n\ntwo  ");
    for text in ["# a", "[a](b) ![a](b) [a]: b", "&amp; \\* <!-- a -->", "a\n===", "a | b\n--|--", "    a", "~~~\na"] {
        let html = to_html(text);
        assert!(!html.contains('<'), "{html}");
        assert_eq!(read(&html), text);
    }
}

#[test]
fn a_link_is_followed_without_a_word_about_where_from() {
    assert_eq!(
        to_html("https://a.kr/?b=1&c"),
        format!("<a href=\"https://a.kr/?b=1&amp;c{LINK}https://a.kr/?b=1&amp;c</a>")
    );
    assert_eq!(to_html("WWW.a.kr을"), format!("<a href=\"https://WWW.a.kr{LINK}WWW.a.kr</a>을"));
    let disguised = to_html("[https://bank.kr](https://evil.kr)");
    assert!(disguised.contains("https://bank.kr</a>](<a href") && disguised.contains("https://evil.kr</a>)"));
}

/// Writes code between braces and blocks of code between two braces.
fn marked(text: &str) -> String {
    let tags = [
        ("<figure class=\"code\"><pre><code>", "{{"),
        ("</code></pre></figure>", "}}"),
        ("<code>", "{"),
        ("</code>", "}"),
    ];
    tags.iter().fold(to_html(text), |html, (tag, mark)| html.replace(tag, mark))
}

#[test]
fn backticks_in_pairs_are_code() {
    for (text, seen) in [
        ("use `x` here", "use {x} here"),
        ("`a` and `b`", "{a} and {b}"),
        ("`a``b` c", "{a``b} c"),
        ("` a `", "{ a }"),
        ("`**a**`", "{**a**}"),
        ("```\n  fn a() {}\n```\nafter", "{{  fn a() {}}}after"),
        ("```\n\n a```\n\nb", "{{\n\n a}}b"),
        ("see\n\n```\na\n```\n\n\nb", "see{{a}}\nb"),
        ("see ```a `b` c``` d", "see {{a `b` c}}d"),
        ("```a *b*\n> c\n- d```", "{{a *b*\n&gt; c\n- d}}"),
        ("`a ``` b`", "{a ``` b}"),
        ("`https` ```https://b.kr```", "{https} {{https://b.kr}}"),
    ] {
        assert_eq!(marked(text), seen, "{text}");
    }
    assert_eq!(
        to_html("```rust\nlet a;\n```"),
        "<figure class=\"code\" data-language=\"rust\"><pre><code>let a;</code></pre></figure>"
    );
}

#[test]
fn backticks_without_a_partner_are_text() {
    for text in
        ["`", "``", "```", "````", "a `b", "`a\nb`", "```a", "``a``", "`` ` ``` ````", "` `", "``` \n ```", "```a````"]
    {
        assert_eq!(to_html(text), text);
    }
    assert_eq!(marked("`a\n`b`"), "`a\n{b}");
}

#[test]
fn quotes_and_lists_are_lines_with_a_mark() {
    for (text, seen) in [
        ("> a\n>\n> **b**\nc", "<blockquote>a\n\n<strong>b</strong></blockquote>c"),
        ("a\n> > b\n> c\n\nd", "a<blockquote><blockquote>b</blockquote>c</blockquote>d"),
        ("> - a\n> `b`", "<blockquote><ul><li>a</li></ul><code>b</code></blockquote>"),
        ("- a\n- *b*\n  c\nd", "<ul><li>a</li><li><em>b</em>\nc</li></ul>d"),
        (
            "- a\n  - b\n    1. c\n- d",
            "<ul><li>a<ul><li>b<ol><li value=\"1\">c</li></ol></li></ul></li><li>d</li></ul>",
        ),
        ("3. a\n2. b\n- c", "<ol><li value=\"3\">a</li><li value=\"2\">b</li></ol><ul><li>c</li></ul>"),
        ("  - a\n- b", "<ul><li>a</li></ul><ul><li>b</li></ul>"),
        ("가:\n\n- a\n\n- b", "가:<ul><li>a</li></ul><ul><li>b</li></ul>"),
    ] {
        assert_eq!(to_html(text), seen, "{text}");
    }
    let deep = to_html(&format!("{}a", "> ".repeat(9)));
    assert_eq!(deep.matches("<blockquote>").count(), MAX_DEPTH + 1);
    let deep: String = (0..9).map(|n| format!("{}- a\n", "  ".repeat(n))).collect();
    assert_eq!(to_html(&deep).matches("<ul>").count(), MAX_DEPTH);
}

/// Returns mentions of person `n` at each place of a name.
fn mentions(text: &str, name: &str, n: usize) -> Vec<Mention> {
    let user = Some(format!("{n:024x}").parse().unwrap());
    let place = |(at, _)| Mention { user, at: at as u32, len: name.len() as u32 };
    text.match_indices(name).map(place).collect()
}

#[test]
fn a_mention_is_a_link_wherever_it_stands() {
    let user = format!("{:024x}", 7);
    let link = format!("<a class=\"mention\" href=\"/user/{user}\" data-user=\"{user}\">@a&lt;_b</a>");
    for (text, seen) in [
        ("@a<_b @a<_b님", "@ @님"),
        ("**@a<_b** _@a<_b_ ~~x @a<_b~~", "<strong>@</strong> <em>@</em> <del>x @</del>"),
        (
            "> 가 @a<_b\n> > - @a<_b\n- x\n  @a<_b\n@a<_b",
            "<blockquote>가 @<blockquote><ul><li>@</li></ul></blockquote></blockquote><ul><li>x\n@</li></ul>@",
        ),
        (
            "> > > > > @a<_b",
            "<blockquote><blockquote><blockquote><blockquote>&gt; @</blockquote></blockquote></blockquote></blockquote>",
        ),
    ] {
        let html = super::to_html(text, &mentions(text, "@a<_b", 7));
        assert_eq!(html.replace(&link, "@"), seen, "{text}");
    }
    let code = "`@a<_b` ```\n@a<_b\n```";
    assert_eq!(super::to_html(code, &mentions(code, "@a<_b", 7)), to_html(code));
}

#[test]
fn a_mention_is_of_several_people_or_of_everybody() {
    let (one, two) = (format!("{:024x}", 1), format!("{:024x}", 2));
    let both = [mentions("@a", "@a", 1), mentions("@a", "@a", 2)].concat();
    assert_eq!(
        super::to_html("@a", &both),
        format!("<a class=\"mention\" href=\"/user/{one}\" data-user=\"{one}\" data-users=\"{one} {two}\">@a</a>")
    );
    let all = [Mention { user: None, at: 0, len: 4 }];
    assert_eq!(super::to_html("@all", &all), "<b class=\"mention\" data-user=\"all\">@all</b>");
}

#[test]
fn no_place_of_a_mention_breaks_a_text() {
    let text = "가 `b` > c\n> d *e* @f\n> ```\n> g\n> ```\n- https://a.kr h";
    for at in 0..text.len() + 2 {
        for len in [0, 1, 2, 5, 40, u32::MAX] {
            let mention = Mention { user: None, at: at as u32, len };
            let html = super::to_html(text, &[mention.clone(), mention]);
            assert_eq!(html.matches("<b ").count(), html.matches("</b>").count());
            let words = |html: &str| read(html).replace(['\n', '*'], "");
            assert_eq!(words(&html), words(&to_html(text)), "{at} {len}");
        }
    }
}

/// Splits HTML into tags and text.
fn tokens(html: &str) -> impl Iterator<Item = (Option<&str>, &str)> {
    html.split('<').enumerate().map(|(n, part)| match part.split_once('>') {
        Some((tag, text)) if n > 0 => (Some(tag), text),
        _ => (None, part),
    })
}

/// Reads HTML as the words that were typed: with the marks of list items and the languages of code.
fn read(html: &str) -> String {
    let mut text = String::new();
    for (tag, words) in tokens(html) {
        let attribute = |name| tag.and_then(|tag| tag.strip_prefix(name)).and_then(|rest| rest.strip_suffix('"'));
        if let Some(number) = attribute("li value=\"") {
            text.extend([number, ". "]);
        }
        if let Some(language) = attribute("figure class=\"code\" data-language=\"") {
            text.push_str(language);
        }
        text.push_str(words);
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(text, |text, (entity, character)| text.replace(entity, character))
}

/// Checks that the tags are this file's, close in order, and hold the attributes that this file writes.
fn check_tags(html: &str) -> usize {
    let (mut open, mut count) = (Vec::new(), 0);
    for (tag, text) in tokens(html) {
        assert!(!text.contains(['>', '"', '\'']), "{html}");
        let Some(tag) = tag else { continue };
        count += 1;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{html}");
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let quoted = |start: &str, end: &str| attributes.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
        let is_known = match name {
            "em" | "strong" | "del" | "code" | "pre" | "blockquote" | "ul" | "ol" => attributes.is_empty(),
            "li" => {
                let number = quoted("value=\"", "\"").is_some_and(|number| number.parse::<u16>().is_ok());
                attributes.is_empty() || number
            }
            "figure" => {
                let language = quoted("class=\"code\" data-language=\"", "\"");
                attributes == "class=\"code\"" || language.is_some_and(|language| language.len() <= 32)
            }
            "a" => quoted("href=\"http", LINK.strip_suffix('>').unwrap()).is_some_and(|address| {
                assert!(text.ends_with(&address.replace("s://www.", "www.")) || address.ends_with(text), "{html}");
                !address.contains([' ', '\n', '<', '>', '"', '`'])
            }),
            _ => false,
        };
        assert!(is_known, "{html}");
        open.push(name);
    }
    assert!(open.is_empty(), "{html}");
    count
}

/// Checks that `seen` is `typed` without some characters that can be marks, apart from spaces.
fn check_words(typed: &str, seen: &str) {
    let mut seen = seen.chars().filter(|c| !c.is_whitespace()).peekable();
    for c in typed.chars().filter(|c| !c.is_whitespace()) {
        if seen.next_if_eq(&c).is_none() {
            assert!(matches!(c, '*' | '_' | '~' | '`' | '>' | '-'), "{c:?} of {typed:?} is lost");
        }
    }
    assert_eq!(seen.next(), None, "{typed:?}");
}

#[test]
fn whatever_is_typed_is_read_as_it_was_typed() {
    let parts = [
        "`",
        "``",
        "```",
        "```\n",
        "\n",
        "\n\n",
        " ",
        "<",
        ">",
        "\n> ",
        "\n> > ",
        "\n- ",
        "\n  - ",
        "\n1. ",
        "\n12. ",
        "*",
        "**",
        "***",
        "_",
        "~~",
        "~",
        "\\",
        "js\n",
        "&",
        "&lt;",
        "\"",
        "'",
        "<script>",
        "https://",
        "http://a.kr",
        "www.a.kr",
        "/",
        "?",
        "가",
        "을",
        "a",
        "(",
        ")",
        "]",
        ".",
        "😀",
        "\u{2067}",
        "--",
        "https://ㅎ.kr/\"onclick=",
    ];
    let mut seed = 1_u64;
    let mut below = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let mut tags = 0;
    for _ in 0..30_000 {
        let text: String = (0..below(24)).map(|_| parts[below(parts.len())]).collect();
        let html = to_html(&text);
        tags += check_tags(&html);
        check_words(&text, &read(&html));
        let words = read(&html.replace(" data-language", "")).replace(char::is_whitespace, "");
        assert_eq!(excerpt(&text, 1_000).replace(char::is_whitespace, ""), words, "{text:?}");
    }
    assert!(tags > 50_000, "{tags}");
}

#[test]
fn no_text_takes_long() {
    let limit = 4_000;
    let long = [
        "`",
        "[",
        "(",
        "` ",
        "`a",
        "``` ",
        "`\n",
        "` `` ",
        "http://",
        "https://a/",
        "https://a/(",
        "http://[",
        "https://a을",
        "www.",
        "www.a",
        "www.a.kr ",
        "w",
        "*",
        "*a",
        "*a ",
        "**a ",
        "a**",
        "a** ",
        "***a ",
        "***a** ",
        "_a ",
        "~~a ",
        "*a **b ~~c _d ",
        "*a b* ",
        "a* ",
        "*_",
        "*_*_ ",
        "가**나",
        "> ",
        "> a\n",
        ">",
        ">\n",
        "> > a\n",
        "- ",
        "- a\n",
        "- a\n  b\n",
        "  - a\n",
        "1. ",
        "1. a\n",
        "```js\n",
        "> ```\n",
        "\n",
        " ",
        "\t\n",
        "> > > > > - *a `b` ```",
    ];
    let long = long.iter().map(|part| part.repeat(limit * 16 / part.len()));
    let closers = format!("https://a/{}", ")".repeat(limit * 16));
    let indented: String = (0..600).map(|n| format!("{}- a\n", " ".repeat(n))).collect();
    for text in long.chain([closers, indented]) {
        let begun = Instant::now();
        to_html(&text);
        excerpt(&text, 80);
        // Sixteen times the longest chat: the square of it would take a minute.
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?} for {:?}…", begun.elapsed(), &text[..12]);
    }
}
