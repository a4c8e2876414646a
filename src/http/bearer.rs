use rocket::request::Request;

pub(crate) fn bearer<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    request.headers().get_one("Authorization")?.strip_prefix("Bearer ")
}
