use std::time::Duration;

use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;

pub(crate) fn index(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).build()
}

pub(crate) fn unique_index(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).options(IndexOptions::builder().unique(true).build()).build()
}

/// Returns an index on the documents that have `field`. The bundled engine takes minutes to index very many documents.
pub(crate) fn partial_index(keys: Document, field: &str) -> IndexModel {
    let options = IndexOptions::builder().partial_filter_expression(exists(field)).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// Returns an index that is unique among the documents that have `field`.
pub(crate) fn partial_unique_index(keys: Document, field: &str) -> IndexModel {
    let options = IndexOptions::builder().unique(true).partial_filter_expression(exists(field)).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// Returns an index that deletes documents some time after the time in their `field`.
pub(crate) fn expiring_index(field: &str, after: Duration) -> IndexModel {
    let options = IndexOptions::builder().expire_after(after).build();
    IndexModel::builder().keys(doc! { field: 1 }).options(options).build()
}

fn exists(field: &str) -> Document {
    doc! { field: { "$exists": true } }
}
