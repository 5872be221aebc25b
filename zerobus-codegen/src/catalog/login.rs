//! The login: host and credentials by the rules of Databricks' unified authentication, from arguments, then the
//! environment, then a profile of `~/.databrickscfg`.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::CatalogError;
use super::credentials::{Credentials, Secret};
use super::host::{Host, is_same, is_workspace_id};
use super::profile::{self, Profile};

/// A catalog's address and credentials.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Login {
    /// A PEM file of certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// The credentials.
    pub credentials: Credentials,
    /// The scheme and the host, without a slash at the end.
    pub host: String,
    /// The workspace, if the host serves several.
    pub workspace_id: Option<String>,
}

/// The caller's settings; the rest comes from the environment and from a profile.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LoginOptions {
    /// The workspace's URL; the scheme is optional.
    pub host: Option<String>,
    /// The name of a profile.
    pub profile: Option<String>,
}

/// The settings of one source.
#[derive(Default)]
struct Settings {
    host: Option<String>,
    workspace_id: Option<String>,
    token: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

impl Login {
    /// A login with these credentials at this host; the scheme is optional.
    ///
    /// The path and query of a URL copied from a browser are removed, except `?o=<id>`, which names the workspace.
    ///
    /// # Errors
    /// If the host is not a valid address, or the credentials would be sent unencrypted to another machine.
    pub fn new(host: &str, credentials: Credentials) -> Result<Self, CatalogError> {
        let Host { url, workspace_id } = Host::parse(host, &credentials)?;
        Ok(Self { ca_file: None, credentials, host: url, workspace_id })
    }

    /// Trusts the certificates of a PEM file in addition to the system's.
    #[must_use]
    pub fn trusting(self, ca_file: Option<PathBuf>) -> Self {
        Self { ca_file, ..self }
    }

    /// Resolves the login from arguments, the environment and a profile, in this order of precedence.
    ///
    /// `DATABRICKS_HOST` (or `DATABRICKS_WORKSPACE_URL`), `DATABRICKS_TOKEN`, `DATABRICKS_CLIENT_ID`,
    /// `DATABRICKS_CLIENT_SECRET`, `DATABRICKS_WORKSPACE_ID`, `DATABRICKS_CONFIG_PROFILE` and `DATABRICKS_CONFIG_FILE`
    /// are read; an empty one counts as unset. Without a named profile, `[DEFAULT]` supplies missing settings. A
    /// profile's credentials are sent to that profile's host only.
    ///
    /// # Errors
    /// If no host is named, the credentials contradict each other or are incomplete, or a named profile is missing.
    pub fn from_environment(options: &LoginOptions) -> Result<Self, CatalogError> {
        Self::resolve(options, &|name| env::var(name).ok())
    }

    /// The same, with the given environment.
    pub(super) fn resolve(
        options: &LoginOptions,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, CatalogError> {
        let variable = |name: &str| variables(name).filter(|value| !value.trim().is_empty());
        let mut settings = Settings {
            host: options
                .host
                .clone()
                .or_else(|| variable("DATABRICKS_HOST"))
                .or_else(|| variable("DATABRICKS_WORKSPACE_URL")),
            workspace_id: variable("DATABRICKS_WORKSPACE_ID"),
            token: variable("DATABRICKS_TOKEN"),
            client_id: variable("DATABRICKS_CLIENT_ID"),
            client_secret: variable("DATABRICKS_CLIENT_SECRET"),
        };
        let named = options.profile.clone().or_else(|| variable("DATABRICKS_CONFIG_PROFILE"));
        if named.is_some() || settings.host.is_none() || !settings.has_credentials() {
            settings.fill_in(read_profile(named.as_deref(), &variable)?);
        }
        settings.into_login()
    }
}

impl Settings {
    fn has_credentials(&self) -> bool {
        self.token.is_some() || self.client_id.is_some() || self.client_secret.is_some()
    }

    /// Fills in missing settings from a profile; its credentials only for the profile's own host.
    fn fill_in(&mut self, profile: Profile) {
        let same_host = match (&self.host, &profile.host) {
            (Some(host), Some(other)) => is_same(host, other),
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if self.host.is_none() {
            self.host = profile.host;
        }
        if same_host {
            self.workspace_id = self.workspace_id.take().or(profile.workspace_id);
        }
        if same_host && !self.has_credentials() {
            self.token = profile.token;
            self.client_id = profile.client_id;
            self.client_secret = profile.client_secret;
        }
    }

    fn into_login(self) -> Result<Login, CatalogError> {
        let wrong = |reason: &str| CatalogError::Credentials { reason: reason.to_owned() };
        let host = self.host.ok_or_else(|| {
            wrong("no workspace is named; set DATABRICKS_HOST, or log in with `databricks configure`")
        })?;
        let credentials = match (self.token, self.client_id, self.client_secret) {
            (Some(_), _, Some(_)) => {
                return Err(wrong(
                    "both a token and a client secret are set; unset DATABRICKS_TOKEN or DATABRICKS_CLIENT_SECRET",
                ));
            }
            (Some(token), ..) => Credentials::Token(Secret::new(token)),
            (None, Some(client_id), Some(secret)) => {
                Credentials::OAuth { client_id, client_secret: Secret::new(secret) }
            }
            (None, Some(_), None) => {
                return Err(wrong("a client id is set without its secret; set DATABRICKS_CLIENT_SECRET"));
            }
            (None, None, Some(_)) => {
                return Err(wrong("a client secret is set without its id; set DATABRICKS_CLIENT_ID"));
            }
            (None, None, None) => Credentials::None,
        };
        let mut login = Login::new(&host, credentials)?;
        let said = self.workspace_id.map(|id| id.trim().to_owned());
        if said.as_deref().is_some_and(|id| !is_workspace_id(id)) {
            return Err(wrong(
                "the workspace id must be digits; correct DATABRICKS_WORKSPACE_ID, or workspace_id of the profile",
            ));
        }
        login.workspace_id = login.workspace_id.or(said);
        Ok(login)
    }
}

/// The named profile or `[DEFAULT]`; `None` without a name and a file.
fn read_profile(named: Option<&str>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Profile, CatalogError> {
    let file = variable("DATABRICKS_CONFIG_FILE").map(PathBuf::from);
    let home = variable("HOME").or_else(|| variable("USERPROFILE"));
    let Some(path) = file.clone().or_else(|| home.map(|home| PathBuf::from(home).join(".databrickscfg"))) else {
        return Ok(Profile::default());
    };
    let wrong = |reason: String| CatalogError::Profile { path: path.clone(), reason };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && file.is_none() && named.is_none() => {
            return Ok(Profile::default());
        }
        Err(error) => {
            return Err(wrong(format!("cannot read the profiles: {error}; write the file or unset its name")));
        }
    };
    let profiles = profile::parse(&text).map_err(wrong)?;
    match (profiles.into_iter().find(|(name, _)| name == named.unwrap_or("DEFAULT")), named) {
        (Some((_, profile)), _) => Ok(profile),
        (None, None) => Ok(Profile::default()),
        (None, Some(name)) => {
            Err(wrong(format!("there is no profile [{name}]; add it, or name another with DATABRICKS_CONFIG_PROFILE")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// A login from these variables and the text of a profile file.
    fn login(variables: &[(&str, &str)], profiles: Option<&str>) -> Result<Login, String> {
        login_with(&LoginOptions::default(), variables, profiles)
    }

    fn login_with(options: &LoginOptions, variables: &[(&str, &str)], profiles: Option<&str>) -> Result<Login, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(profiles.unwrap_or_default().as_bytes()).unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let lookup = |name: &str| match name {
            "DATABRICKS_CONFIG_FILE" => profiles.map(|_| path.clone()),
            _ => variables.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned()),
        };
        Login::resolve(options, &lookup).map_err(|error| error.to_string().replace(&path, "FILE"))
    }

    fn token(login: Result<Login, String>) -> (String, String) {
        match login.unwrap() {
            Login { host, credentials: Credentials::Token(token), .. } => (host, token.reveal().to_owned()),
            other => panic!("{other:?} has no token"),
        }
    }

    const HOST: (&str, &str) = ("DATABRICKS_HOST", "acme.cloud.databricks.com/");
    const PROFILES: &str = "; comment\n[DEFAULT]\nhost = https://default.test\ntoken = t-default\n\n[work]\n\
                            host=https://work.test/\nclient_id = me\nclient_secret = s3cret\ncluster_id = 1\n";

    #[test]
    fn the_environment_wins_over_a_profile() {
        let environment = [HOST, ("DATABRICKS_TOKEN", "t-env")];
        let expected = ("https://acme.cloud.databricks.com".to_owned(), "t-env".to_owned());
        assert_eq!(token(login(&environment, Some(PROFILES))), expected);
        let workspace = [("DATABRICKS_WORKSPACE_URL", "https://w.test"), ("DATABRICKS_TOKEN", "t")];
        assert_eq!(token(login(&workspace, None)).0, "https://w.test");
    }

    #[test]
    fn the_default_profile_fills_in_and_an_empty_variable_is_unset() {
        let expected = ("https://default.test".to_owned(), "t-default".to_owned());
        assert_eq!(token(login(&[], Some(PROFILES))), expected);
        assert_eq!(token(login(&[("DATABRICKS_HOST", ""), ("DATABRICKS_TOKEN", " ")], Some(PROFILES))), expected);
    }

    #[test]
    fn a_named_profile_is_found_or_missed() {
        let work = login(&[("DATABRICKS_CONFIG_PROFILE", "work")], Some(PROFILES)).unwrap();
        assert_eq!(work.host, "https://work.test");
        assert!(matches!(work.credentials, Credentials::OAuth { .. }));
        assert!(!format!("{work:?}").contains("s3cret"));
        let options = LoginOptions { profile: Some("play".to_owned()), ..LoginOptions::default() };
        assert_eq!(
            login_with(&options, &[], Some(PROFILES)).unwrap_err(),
            "FILE: there is no profile [play]; add it, or name another with DATABRICKS_CONFIG_PROFILE"
        );
    }

    #[test]
    fn a_profiles_credentials_stay_at_its_host() {
        let elsewhere = login(&[HOST], Some(PROFILES)).unwrap();
        assert!(matches!(elsewhere.credentials, Credentials::None));
        let same = [("DATABRICKS_HOST", "default.test")];
        assert_eq!(token(login(&same, Some(PROFILES))).1, "t-default");
    }

    #[test]
    fn contradictions_and_gaps_are_reported() {
        for (variables, expected) in [
            (&[][..], "no workspace is named; set DATABRICKS_HOST"),
            (&[HOST, ("DATABRICKS_TOKEN", "t"), ("DATABRICKS_CLIENT_SECRET", "s3cret")], "both a token and a client"),
            (&[HOST, ("DATABRICKS_CLIENT_ID", "me")], "a client id is set without its secret"),
            (&[HOST, ("DATABRICKS_CLIENT_SECRET", "s3cret")], "a client secret is set without its id"),
            (&[("DATABRICKS_HOST", "http://far.test"), ("DATABRICKS_TOKEN", "t")], "credentials go over https only"),
            (&[("DATABRICKS_HOST", "ftp://far.test")], "its scheme is neither http nor https"),
            (&[("DATABRICKS_HOST", "https://user:pw@far.test")], "it holds a user name"),
            (&[("DATABRICKS_HOST", "not a host")], "write it as https://<instance>"),
        ] {
            let error = login(variables, None).unwrap_err();
            assert!(error.contains(expected), "{expected} is not in: {error}");
            assert!(!error.contains("s3cret") && !error.contains("pw"), "{error}");
        }
        let broken = login(&[], Some("[DEFAULT]\nsome secret text\n")).unwrap_err();
        assert_eq!(broken, "FILE: line 2 is not `key = value`; correct it");
    }

    #[test]
    fn plain_http_serves_loopback_and_the_open_source_server() {
        for host in ["http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:1"] {
            Login::new(host, Credentials::Token(Secret::new("t"))).unwrap();
        }
        Login::new("http://uc.internal:8080", Credentials::None).unwrap();
    }
}
