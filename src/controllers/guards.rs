//! What actions learn from a request, and the checks before an action runs.

pub(crate) mod bearer_token;
pub(crate) mod client_address;
pub(crate) mod cookie_names;
pub(crate) mod cookies;
pub(crate) mod current_user;
pub(crate) mod form_fields;
pub(crate) mod form_values;
pub(crate) mod guard_error;
pub(crate) mod host_check;
pub(crate) mod images_url;
pub(crate) mod locale;
pub(crate) mod origin_check;
pub(crate) mod params;
pub(crate) mod query_budget;
pub(crate) mod query_number;
pub(crate) mod raw_body;
pub(crate) mod referrer;
pub(crate) mod request_info;
pub(crate) mod resubmit_form;
pub(crate) mod state;
pub(crate) mod submission;
