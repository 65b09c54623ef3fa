//! A request that asks for a new upload before its first body has begun.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::runtime::Builder;

use super::super::super::call::{Broken, Source};
use super::super::super::command::{Append, Create, UploadError};
use super::super::super::limits::Limits;
use super::super::super::store::{Form, Owner, files};
use super::super::Uploads;

/// A body that never ends.
struct Endless;

impl Source for Endless {
    fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>> {
        Poll::Ready(Ok(Some(Bytes::from_static(&[7; 1024]))))
    }
}

/// A folder of this test's own, which goes with it.
struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the system's folder for such.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn whoever_asks_for_a_new_upload_ends_its_first_body() {
    let folder = Folder(std::env::temp_dir().join(format!("tidegate-fresh-{}", std::process::id())));
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let store = files::Files::open(&folder.0, files::Settings::default()).await.unwrap();
        let uploads = Uploads::new(Arc::new(store), Limits::default());
        let owner = Owner::parse("00112233445566ff").unwrap();
        let id = uploads.chosen_id(&owner, b"a file").await.unwrap();
        let create =
            Create { id: Some(id.clone()), form: Form::Whole, length: None, metadata: String::new() };
        let fresh = uploads.create_fresh(&owner, create).await.unwrap();

        let mut look = Box::pin(uploads.look(&owner, &id));
        assert!(futures_util::poll!(&mut look).is_pending(), "it waits for the turn of the one who began");
        // Had the turn been given away meanwhile, this would claim a newer one, and take bytes behind the answer's back.
        let first = uploads.append_first(fresh, Append::default(), &mut Endless, &mut |_| {}).await;
        assert!(matches!(first, Err(UploadError::TakenOver(_))), "{first:?}");
        let told = look.await.unwrap().offset;
        assert_eq!(uploads.peek(&owner, &id).await.unwrap().offset, told);
    });
}
