//! What templates and JSON are given, and the rendering of it. Nothing here knows HTTP.

pub mod app;
pub mod assets;
pub mod chat;
pub mod error;
pub mod gzip;
pub mod locale;
mod particle;
pub mod picture;
pub mod room;
mod text;
pub mod time;
pub mod user;

use std::sync::{Arc, OnceLock};

use rust_embed::Embed;
use serde::Serialize;
use tera::{Context, Kwargs, State, Tera};

use crate::cache::{Budget, Charge};
use crate::error::{Error, Result};
pub use locale::Locale;
use time::{Clock, Form};

#[derive(Embed)]
#[folder = "templates/"]
struct Templates;

/// The templates, ready to render. Shared by the whole site.
#[derive(Clone)]
pub struct Views {
    tera: Arc<Tera>,
    /// What tells the time on pages.
    pub clock: Clock,
}

impl Views {
    /// Reads all templates. Pages without script show times by `clock`.
    ///
    /// # Errors
    /// The template and the line that cannot be read.
    pub fn new(clock: Clock) -> Result<Self, String> {
        let mut tera = Tera::new();
        tera.autoescape_on(vec![".html.tera", ".svg.tera"]);
        tera.register_function("t", locale::t);
        for (name, form) in [("clock", Form::Clock), ("moment", Form::Moment), ("in_full", Form::Full)] {
            let clock = clock.clone();
            tera.register_filter(name, move |at: &str, _: Kwargs, state: &State<'_>| {
                Locale::of(state).map(|locale| clock.words_of(at, form, locale))
            });
        }
        tera.register_filter("encoded", locale::encoded);
        tera.global_context().insert("assets", &assets::prefix());
        tera.global_context().insert("locales", &Locale::all().map(locale::Choice::from).collect::<Vec<_>>());
        let texts: Vec<(String, String)> = Templates::iter()
            .filter_map(|name| Some((name.to_string(), String::from_utf8(Templates::get(&name)?.data.into()).ok()?)))
            .collect();
        tera.add_raw_templates(texts).map_err(|error| error.to_string())?;
        Ok(Self { tera: Arc::new(tera), clock })
    }

    /// Renders a template in a language. Its variables are the fields of `view`, and `locale`.
    ///
    /// # Errors
    /// `Internal`: the template and its view do not fit.
    pub fn render(&self, template: &str, locale: Locale, view: &impl Serialize) -> Result<String> {
        let render = || {
            let mut context = Context::from_serialize(view)?;
            context.insert("locale", locale.tag());
            self.tera.render(template, &context)
        };
        render().map_err(|error| Error::Internal(format!("{template}: {error}")))
    }
}

/// Something that is rendered once a language, by whoever needs it first there.
pub struct Rendered<T> {
    /// What is rendered.
    pub view: T,
    html: Box<[OnceLock<Html>]>,
    /// What the HTML is charged to, and the view once its size is known.
    budget: Option<Arc<Budget>>,
    charge: OnceLock<Charge>,
}

struct Html {
    text: Arc<str>,
    _charge: Option<Charge>,
}

impl<T: Default> Default for Rendered<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Rendered<T> {
    /// Nothing is rendered yet.
    pub fn new(view: T) -> Self {
        let html = Locale::all().map(|_| OnceLock::new()).collect();
        Self { view, html, budget: None, charge: OnceLock::new() }
    }

    /// Charges the HTML to a budget, for as long as it is kept here.
    pub fn charged_to(self, budget: &Arc<Budget>) -> Self {
        Self { budget: Some(Arc::clone(budget)), ..self }
    }

    /// Charges the view's own bytes, once.
    pub fn charge_view(&self, bytes: usize) {
        if let Some(budget) = &self.budget {
            self.charge.get_or_init(|| budget.charge(bytes));
            budget.relieve();
        }
    }

    /// The text in a language, made by `render` when it is asked for first.
    ///
    /// # Errors
    /// Those of `render`.
    pub fn html(&self, locale: Locale, render: impl FnOnce(&T) -> Result<String>) -> Result<Arc<str>> {
        let once = &self.html[locale.index()];
        if let Some(html) = once.get() {
            return Ok(html.text.clone());
        }
        let text = Arc::<str>::from(render(&self.view)?);
        let _charge = self.budget.as_ref().map(|budget| budget.charge(text.len()));
        let html = once.get_or_init(|| Html { text, _charge }).text.clone();
        if let Some(budget) = &self.budget {
            budget.relieve();
        }
        Ok(html)
    }
}
