//! The door of all requests: it keeps their pace, adds the token, asks once more with a new token, and names the proxy of a
//! failure.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use kube::client::Body;
use tokio::time::sleep;
use tower::{BoxError, Layer, Service, ServiceExt, buffer::Buffer};

use super::{
    bearer::Bearer,
    pace::{self, Pace},
};

/// The number of requests that may wait for the service behind the door.
const WAITING: usize = 1024;

/// The account's token and the way, which the door adds to a client.
pub(super) struct DoorLayer {
    /// `None` for an account without a token that changes.
    pub(super) bearer: Option<Arc<Bearer>>,
    /// The proxy for messages; `None` for a direct connection.
    pub(super) proxy: Option<Arc<str>>,
    pub(super) pace: Pace,
}

#[derive(Clone)]
pub(super) struct Door<F: Send + 'static> {
    inner: Buffer<Request<Body>, F>,
    bearer: Option<Arc<Bearer>>,
    proxy: Option<Arc<str>>,
    pace: Pace,
}

/// A failure on a way through a proxy.
#[derive(Debug, thiserror::Error)]
#[error("the request went through the proxy {proxy}")]
struct ThroughProxy {
    proxy: Arc<str>,
    source: BoxError,
}

impl<S> Layer<S> for DoorLayer
where
    S: Service<Request<Body>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send + Sync,
{
    type Service = Door<S::Future>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { bearer, proxy, pace } = self;
        let inner = Buffer::new(inner, WAITING);
        Door { inner, bearer: bearer.clone(), proxy: proxy.clone(), pace: pace.clone() }
    }
}

impl<F, B, E> Service<Request<Body>> for Door<F>
where
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Send + 'static,
    E: Into<BoxError> + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let other = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, other);
        let (bearer, proxy, pace) = (self.bearer.clone(), self.proxy.clone(), self.pace.clone());
        let lasts = pace::lasts(&request);
        Box::pin(async move {
            let _slot = pace.slot(lasts).await;
            paced(inner, bearer.as_deref(), &pace, request).await.map_err(|source| match proxy {
                Some(proxy) => ThroughProxy { proxy, source }.into(),
                None => source,
            })
        })
    }
}

/// Asks, and asks again as long as the API server wants a later attempt.
async fn paced<F, B, E>(
    inner: Buffer<Request<Body>, F>,
    bearer: Option<&Bearer>,
    pace: &Pace,
    mut request: Request<Body>,
) -> Result<Response<B>, BoxError>
where
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    let is_reading = pace::is_reading(&request);
    let mut attempt = 0;
    loop {
        let again = copy(&request);
        pace.count(&request);
        let answer = match bearer {
            Some(bearer) => answered(inner.clone(), bearer, request).await?,
            None => inner.clone().oneshot(request).await?,
        };
        pace.note(&answer);
        let pause = pace::pause(is_reading, (answer.status(), answer.headers()), attempt);
        let (Some(again), Some(pause)) = (again, pause) else { return Ok(answer) };
        drop(answer);
        sleep(pause).await;
        request = again;
        attempt += 1;
    }
}

/// Asks with a token. A request that was refused for its token did nothing, so it may be made again.
async fn answered<F, B, E>(
    inner: Buffer<Request<Body>, F>,
    bearer: &Bearer,
    mut request: Request<Body>,
) -> Result<Response<B>, BoxError>
where
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    let again = copy(&request);
    let token = bearer.header().await;
    request.headers_mut().insert(AUTHORIZATION, token.clone());
    let answer = inner.clone().oneshot(request).await?;
    let Some(mut again) = again.filter(|_| answer.status() == StatusCode::UNAUTHORIZED) else {
        return Ok(answer);
    };
    let Some(token) = bearer.after_refusal(&token).await else { return Ok(answer) };
    again.headers_mut().insert(AUTHORIZATION, token);
    inner.oneshot(again).await
}

/// Copies a request; `None` if its body can be sent only once.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    *copy.version_mut() = request.version();
    copy.headers_mut().clone_from(request.headers());
    copy.extensions_mut().clone_from(request.extensions());
    Some(copy)
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_few_requests_wait_at_once() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (of_now, of_most) = (Arc::clone(&now), Arc::clone(&most));
        let service = tower::service_fn(move |_: Request<Body>| {
            let (now, most) = (Arc::clone(&of_now), Arc::clone(&of_most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                sleep(Duration::from_millis(1)).await;
                now.fetch_sub(1, Ordering::Relaxed);
                Ok::<_, Infallible>(Response::new(()))
            }
        });
        let pace = Pace::default();
        let mut door = DoorLayer { bearer: None, proxy: None, pace: pace.clone() }.layer(service);
        let mut all = Vec::new();
        for _ in 0..200 {
            all.push(door.ready().await.unwrap().call(Request::new(Body::empty())));
        }
        assert!(join_all(all).await.iter().all(Result::is_ok));
        assert_eq!(most.load(Ordering::Relaxed), 32);
        assert!(pace.made().to_string().starts_with("200 requests"), "{}", pace.made());
    }
}
