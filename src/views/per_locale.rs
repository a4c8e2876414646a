//! Values that are rendered at most once a language.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::Locale;
use crate::cache::{Budget, Charge};
use crate::error::Result;

/// A value with its HTML in each language.
pub struct PerLocale<T> {
    value: T,
    html: Box<[OnceLock<Html>]>,
    /// Pays for the HTML, and for the value once its size is known.
    budget: Option<Arc<Budget>>,
    charge: OnceLock<Charge>,
}

struct Html {
    text: Arc<str>,
    _charge: Option<Charge>,
}

impl<T: Default> Default for PerLocale<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Deref for PerLocale<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> PerLocale<T> {
    pub fn new(value: T) -> Self {
        let html = Locale::all().map(|_| OnceLock::new()).collect();
        Self { value, html, budget: None, charge: OnceLock::new() }
    }

    /// Charges the HTML to a budget for as long as it is kept here.
    pub fn charged_to(self, budget: &Arc<Budget>) -> Self {
        Self { budget: Some(Arc::clone(budget)), ..self }
    }

    pub(super) fn charge_value(&self, bytes: usize) {
        if let Some(budget) = &self.budget {
            self.charge.get_or_init(|| budget.charge(bytes));
            budget.relieve();
        }
    }

    /// Returns the HTML in a language. Only the first call of a language renders it.
    pub(super) fn get_or_render(&self, locale: Locale, render: impl FnOnce(&T) -> Result<String>) -> Result<Arc<str>> {
        let once = &self.html[locale.index()];
        if let Some(html) = once.get() {
            return Ok(html.text.clone());
        }
        let text = Arc::<str>::from(render(&self.value)?);
        let _charge = self.budget.as_ref().map(|budget| budget.charge(text.len()));
        let html = once.get_or_init(|| Html { text, _charge }).text.clone();
        if let Some(budget) = &self.budget {
            budget.relieve();
        }
        Ok(html)
    }
}
