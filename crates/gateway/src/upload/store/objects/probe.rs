//! Whether a bucket can keep uploads: it must keep conditional writes.

use std::io;

use futures_util::future::join_all;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutResult, UpdateVersion};

use super::bucket::{ETags, Parts, meaning};
use crate::upload::store::StoreError;

/// How many replace one version at the same time. One of them may win.
const AT_ONCE: usize = 8;

/// Tries conditional writes on an object of their own, which goes afterwards, and tells how the bucket wants versions
/// to be named. Of two writers one must fail: a bucket that takes both would lose what was acknowledged.
pub(super) async fn conditional_writes(objects: &dyn Parts, prefix: &Path) -> Result<ETags, StoreError> {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret).map_err(io::Error::from)?;
    let name = format!("{:032x}", u128::from_be_bytes(secret));
    let place = prefix.clone().join("probes").join(name);
    let tried = try_all(objects, &place).await;
    // What stays costs room and no more.
    let _ = objects.delete(&place).await;
    tried
}

async fn try_all(objects: &dyn Parts, place: &Path) -> Result<ETags, StoreError> {
    // An ETag may be a digest of the content, so every content is another.
    let put = async |content: &str, mode: PutMode| {
        let options = PutOptions { mode, ..PutOptions::default() };
        objects.put_opts(place, content.to_owned().into(), options).await
    };
    let first = put("created", PutMode::Create).await.map_err(meaning)?;
    match put("created again", PutMode::Create).await {
        Err(object_store::Error::AlreadyExists { .. }) => {}
        Ok(_) => return Err(unfit("it creates an object where one is already (If-None-Match)")),
        Err(error) => return Err(meaning(error)),
    }
    let first = version(first);
    let mut etags = ETags::Quoted;
    let mut second = put("replaced", PutMode::Update(etags.named(first.clone()))).await;
    if matches!(second, Err(object_store::Error::Precondition { .. })) {
        etags = ETags::Bare;
        second = put("replaced", PutMode::Update(etags.named(first.clone()))).await;
    }
    let second = match second {
        Ok(second) => version(second),
        Err(object_store::Error::Precondition { .. }) => {
            return Err(unfit("it does not replace the version that it has (If-Match)"));
        }
        Err(error) => return Err(meaning(error)),
    };
    match put("replaced by an older writer", PutMode::Update(etags.named(first))).await {
        Err(object_store::Error::Precondition { .. }) => {}
        Ok(_) => return Err(unfit("it replaces a version that it no longer has (If-Match)")),
        Err(error) => return Err(meaning(error)),
    }
    let contents: Vec<String> = (0..AT_ONCE).map(|number| format!("at once {number}")).collect();
    let all = contents.iter().map(|content| put(content, PutMode::Update(etags.named(second.clone()))));
    let won = join_all(all).await.iter().filter(|put| put.is_ok()).count();
    if won == 1 { Ok(etags) } else { Err(unfit("of writers at the same time, not one wins (If-Match)")) }
}

fn version(put: PutResult) -> UpdateVersion {
    put.into()
}

fn unfit(why: &str) -> StoreError {
    let reason = format!(
        "the bucket cannot keep uploads, since two writers of one would not be told apart: {why}. \
         Take a server that knows conditional writes as S3 does"
    );
    StoreError::Io(io::Error::new(io::ErrorKind::Unsupported, reason))
}
