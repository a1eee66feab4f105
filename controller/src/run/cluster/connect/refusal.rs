//! Error answers of others than the API server. A proxy, a load balancer or an extension server answers in HTML, in plain text, or in
//! JSON without a code; the code of HTTP then says if a request may be made again.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Body;
use kube::core::{Status, response::StatusSummary};
use tower::BoxError;

/// An answer, whose body is new if it is an error.
type Told<B> = Response<Either<B, Full<Bytes>>>;

/// Reads the body of an error answer. A status without a code has that of the answer, and a body of another form is the message.
pub(in crate::run::cluster) fn status(code: StatusCode, body: &[u8]) -> Status {
    own(body).unwrap_or_else(|| completed(code, body))
}

/// Returns the status of an API server, which always has a code; `None` for another body.
fn own(body: &[u8]) -> Option<Status> {
    serde_json::from_slice::<Status>(body).ok().filter(|told| told.code != 0)
}

fn completed(code: StatusCode, body: &[u8]) -> Status {
    let read = serde_json::from_slice::<Status>(body).ok().filter(|told| !told.message.is_empty());
    let read = read.unwrap_or_else(|| Status {
        status: Some(StatusSummary::Failure),
        message: String::from_utf8_lossy(body).trim().to_owned(),
        ..Status::default()
    });
    Status { code: code.as_u16(), ..read }
}

/// Gives every error answer a status with a code. The API server's own stays as it is.
pub(super) async fn with_code<B>(answer: Response<B>) -> Result<Told<B>, BoxError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let code = answer.status();
    if !code.is_client_error() && !code.is_server_error() {
        return Ok(answer.map(Either::Left));
    }
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(Into::into)?.to_bytes();
    let body = match own(&body) {
        Some(_) => body,
        None => serde_json::to_vec(&completed(code, &body)).map_or(body, Bytes::from),
    };
    Ok(Response::from_parts(parts, Either::Right(Full::new(body))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> (u16, String, String) {
        let Status { code, message, reason, .. } = status(StatusCode::BAD_GATEWAY, body.as_bytes());
        (code, message, reason)
    }

    fn of(code: u16, message: &str, reason: &str) -> (u16, String, String) {
        (code, message.to_owned(), reason.to_owned())
    }

    #[test]
    fn a_status_of_the_api_server_stays() {
        let own = r#"{"kind":"Status","status":"Failure","message":"no","reason":"Conflict","code":409}"#;
        assert_eq!(told(own), of(409, "no", "Conflict"));
    }

    #[test]
    fn a_body_without_a_code_has_that_of_the_answer() {
        for (body, message) in [
            ("<html>Bad Gateway</html>\n", "<html>Bad Gateway</html>"),
            ("no upstream", "no upstream"),
            ("", ""),
            ("{}", "{}"),
            (r#"{"error":"down"}"#, r#"{"error":"down"}"#),
            (r#"{"message":"down"}"#, "down"),
            ("[]", "[]"),
            ("7", "7"),
        ] {
            assert_eq!(told(body), of(502, message, ""), "{body}");
        }
    }

    #[tokio::test]
    async fn an_error_answer_is_a_status_and_another_answer_stays() {
        for (code, body, expected) in [
            (502, "<html></html>", r#"{"status":"Failure","code":502,"message":"<html></html>"}"#),
            (200, "<html></html>", "<html></html>"),
            (101, "", ""),
        ] {
            let answer = Response::builder().status(code).body(Full::new(Bytes::from(body))).unwrap();
            let told = with_code(answer).await.unwrap();
            assert_eq!(told.status(), code);
            assert_eq!(told.into_body().collect().await.unwrap().to_bytes(), expected);
        }
    }
}
