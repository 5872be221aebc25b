//! The headers of the official client's calls, for a server that does not check the token.

use std::collections::HashMap;

use async_trait::async_trait;
use databricks_zerobus_ingest_sdk::{HeadersProvider, ZerobusResult};

/// The headers of a call for this table.
pub struct Headers(pub &'static str);

#[async_trait]
impl HeadersProvider for Headers {
    async fn get_headers(&self) -> ZerobusResult<HashMap<&'static str, String>> {
        Ok(HashMap::from([
            ("authorization", "Bearer peer".to_owned()),
            ("x-databricks-zerobus-table-name", self.0.to_owned()),
        ]))
    }
}
