//! The door of all requests: it adds the token, asks once more with a new token, and names the proxy of a failure.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use kube::client::Body;
use tower::{BoxError, Layer, Service, ServiceExt, buffer::Buffer};

use super::bearer::Bearer;

/// The number of requests that may wait for the service behind the door.
const WAITING: usize = 1024;

/// The account's token and the way, which the door adds to a client.
pub(super) struct DoorLayer {
    /// `None` for an account without a token that changes.
    pub(super) bearer: Option<Arc<Bearer>>,
    /// The proxy for messages; `None` for a direct connection.
    pub(super) proxy: Option<Arc<str>>,
}

#[derive(Clone)]
pub(super) struct Door<F: Send + 'static> {
    inner: Buffer<Request<Body>, F>,
    bearer: Option<Arc<Bearer>>,
    proxy: Option<Arc<str>>,
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
        Door { inner: Buffer::new(inner, WAITING), bearer: self.bearer.clone(), proxy: self.proxy.clone() }
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
        let (bearer, proxy) = (self.bearer.clone(), self.proxy.clone());
        Box::pin(async move {
            let answer = match bearer {
                Some(bearer) => answered(inner, &bearer, request).await,
                None => inner.oneshot(request).await,
            };
            answer.map_err(|source| match proxy {
                Some(proxy) => ThroughProxy { proxy, source }.into(),
                None => source,
            })
        })
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
