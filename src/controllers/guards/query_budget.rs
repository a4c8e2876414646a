//! One time budget for all database queries of a request.

use rocket::data::Data;
use rocket::request::Request;
use rocket::route::{Handler, Outcome, Route};

use crate::store;

#[derive(Clone)]
struct QueryBudget {
    handler: Box<dyn Handler>,
}

/// Gives each request of these routes one budget.
pub(crate) fn share_query_budget(mut route: Route) -> Route {
    route.handler = Box::new(QueryBudget { handler: route.handler });
    route
}

#[rocket::async_trait]
impl Handler for QueryBudget {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        store::with_shared_budget(self.handler.handle(request, data)).await
    }
}
