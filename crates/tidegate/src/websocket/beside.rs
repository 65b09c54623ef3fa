//! A handler and the driver of its connection in one task.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::runtime::Handle;

use super::driver::Driver;

pin_project! {
    /// Runs a handler, and beside it the driver of its connection: one task costs less than two, and what the handler
    /// has written leaves without a hop to another task.
    ///
    /// When the handler has returned, or panicked, or is dropped, the driver goes on in a task of its own.
    pub(crate) struct Beside<F> {
        // Dropped first, so that the driver sees to what that leaves behind.
        #[pin]
        handler: F,
        driver: Attending,
    }
}

/// A driver that gets a task of its own when this is dropped, unless its work is done.
pub(crate) struct Attending(Option<Driver>);

impl Attending {
    pub(crate) fn new(driver: Driver) -> Self {
        // It has to come once to know when to come again.
        driver.call().wake();
        Self(Some(driver))
    }

    /// Runs beside `handler`.
    pub(crate) fn beside<F: Future<Output = ()>>(self, handler: F) -> Beside<F> {
        Beside { handler, driver: self }
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.0
            && driver.call().answer()
            && Pin::new(driver).poll(cx).is_ready()
        {
            self.0 = None;
        }
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        // Without a runtime the connection is dropped, as every task is.
        if let (Some(driver), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            driver.call().answer();
            runtime.spawn(driver);
        }
    }
}

impl<F: Future<Output = ()>> Future for Beside<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if let Some(driver) = &this.driver.0 {
            driver.call().register(cx.waker());
        }
        // First, since a handler that is always busy leaves it no budget (tokio's cooperative scheduling).
        this.driver.poll(cx);
        if let Some(driver) = &this.driver.0 {
            driver.call().hear();
        }
        let result = this.handler.poll(cx);
        this.driver.poll(cx);
        result
    }
}
