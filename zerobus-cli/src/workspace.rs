//! The addresses of workspace and service, and the credentials: from the arguments, the environment, then a profile.

use std::env;
use std::fs;

use zerobus_codegen::{Credentials, LoginOptions};
use zerobus_runtime::{Client, ClientBuilder};

use crate::arguments::Login;
use crate::failure::Failure;

/// The variable with the service's address.
pub(crate) const ENDPOINT: &str = "ZEROBUS_SERVER_ENDPOINT";

/// A variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

impl Login {
    /// The address of the service, if it is set.
    pub(crate) fn endpoint(&self) -> Option<String> {
        self.endpoint.clone().or_else(|| variable(ENDPOINT))
    }

    /// The workspace and its credentials.
    pub(crate) fn catalog(&self) -> Result<zerobus_codegen::Login, zerobus_codegen::CatalogError> {
        let mut options = LoginOptions::default();
        options.host.clone_from(&self.host);
        options.profile.clone_from(&self.profile);
        zerobus_codegen::Login::from_environment(&options)
    }

    /// The certificate authority from `--ca`.
    pub(crate) fn authority(&self) -> Result<Option<Vec<u8>>, Failure> {
        let Some(path) = &self.ca else { return Ok(None) };
        fs::read(path).map(Some).map_err(|error| Failure::file("read the authority", path, error))
    }

    /// A client of the service.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let login = self.catalog()?;
        Ok(self.builder(&login)?.build()?)
    }

    pub(crate) fn builder(&self, login: &zerobus_codegen::Login) -> Result<ClientBuilder, Failure> {
        let mut builder = Client::builder()
            .application(concat!("zerobus-cli/", env!("CARGO_PKG_VERSION")))
            .workspace_url(&login.host);
        if let Some(endpoint) = self.endpoint() {
            builder = builder.endpoint(endpoint);
        }
        if let Credentials::OAuth { client_id, client_secret } = &login.credentials {
            builder = builder.credentials(client_id, client_secret.reveal());
        }
        if let Some(authority) = self.authority()? {
            builder = builder.certificate_authority(authority);
        }
        Ok(builder.from_env())
    }
}
