//! The setup: environment, profile, and the form of the addresses.

use zerobus_codegen::{Credentials, Login};
use zerobus_runtime::Client;

use super::finding::{Findings, Layer};
use crate::arguments;
use crate::workspace::{ENDPOINT, variable};

/// The settings that environment and profile define.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) login: Login,
    pub(super) endpoint: String,
    pub(super) client: Client,
}

impl Setup {
    /// The id of the service principal; a placeholder if the credentials are of another kind.
    pub(super) fn client_id(&self) -> &str {
        match &self.login.credentials {
            Credentials::OAuth { client_id, .. } => client_id,
            _ => "application id of the service principal",
        }
    }
}

const EXPORT_ENDPOINT: &str = "export ZEROBUS_SERVER_ENDPOINT=<workspace-id>.zerobus.<region>.cloud.databricks.com";
const EXPORT_HOST: &str = "export DATABRICKS_HOST=https://<instance>.cloud.databricks.com";
const EXPORT_PRINCIPAL: &str = "export DATABRICKS_CLIENT_ID=<application id> DATABRICKS_CLIENT_SECRET=<OAuth secret>";

/// For each cloud, the domain of its endpoints and of its workspaces.
const CLOUDS: [(&str, &str, &str); 3] = [
    ("AWS", ".cloud.databricks.com", ".cloud.databricks.com"),
    ("Azure", ".azuredatabricks.net", ".azuredatabricks.net"),
    ("GCP", ".gcp.databricks.com", ".gcp.databricks.com"),
];

pub(super) fn examine(arguments: &arguments::Login, findings: &mut Findings) -> Option<Setup> {
    let login = match arguments.catalog() {
        Ok(login) => login,
        Err(error) => {
            let command = if variable("DATABRICKS_TOKEN").is_some() && variable("DATABRICKS_CLIENT_SECRET").is_some() {
                "unset DATABRICKS_TOKEN"
            } else if variable("DATABRICKS_CLIENT_ID").is_some() != variable("DATABRICKS_CLIENT_SECRET").is_some() {
                EXPORT_PRINCIPAL
            } else {
                EXPORT_HOST
            };
            findings.failed(Layer::Environment, error.to_string(), command);
            return None;
        }
    };
    let Some(endpoint) = arguments.endpoint() else {
        findings.failed(Layer::Environment, format!("{ENDPOINT} is not set"), EXPORT_ENDPOINT);
        return None;
    };
    if !matches!(login.credentials, Credentials::OAuth { .. }) {
        let found = match login.credentials {
            Credentials::Token(_) => "the credentials are a token, and Zerobus accepts only a service principal",
            _ => "no credentials are set",
        };
        findings.failed(Layer::Environment, found, EXPORT_PRINCIPAL);
        return None;
    }
    let host = host_of(&login.host);
    findings.fine(Layer::Environment, format!("{}, {}", workspace_source(arguments, host), credentials_source()));
    if let Some(problem) = shape(host_of(&endpoint), host) {
        findings.failed(Layer::Endpoint, problem, EXPORT_ENDPOINT);
        return None;
    }
    match arguments.builder(&login).and_then(|builder| Ok(builder.build()?)) {
        Ok(client) => {
            findings.fine(Layer::Endpoint, host_of(&endpoint));
            Some(Setup { login, endpoint, client })
        }
        Err(failure) => {
            findings.failed(Layer::Endpoint, failure.to_string(), EXPORT_ENDPOINT);
            None
        }
    }
}

/// The workspace, and the source that named it.
fn workspace_source(arguments: &arguments::Login, host: &str) -> String {
    let source = if arguments.host.is_some() {
        "--host".to_owned()
    } else if let Some(name) =
        ["DATABRICKS_HOST", "DATABRICKS_WORKSPACE_URL"].into_iter().find(|name| variable(name).is_some())
    {
        name.to_owned()
    } else {
        profile(arguments)
    };
    format!("workspace {host} from {source}")
}

fn credentials_source() -> String {
    let source = if variable("DATABRICKS_CLIENT_SECRET").is_some() { "the environment" } else { "the profile" };
    format!("credentials of a service principal from {source}")
}

fn profile(arguments: &arguments::Login) -> String {
    let name = arguments.profile.clone().or_else(|| variable("DATABRICKS_CONFIG_PROFILE"));
    format!("profile [{}]", name.as_deref().unwrap_or("DEFAULT"))
}

/// The host of an address, with its port.
pub(super) fn host_of(address: &str) -> &str {
    let rest = address.trim().split_once("://").map_or(address.trim(), |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

/// The host without its port.
pub(super) fn bare_host(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(host, _)| host),
    }
}

/// Whether an address is on this machine, as for an emulator or a tunnel.
pub(super) fn is_local(host: &str) -> bool {
    let host = bare_host(host);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What is wrong with the form of an endpoint, given the workspace.
fn shape(endpoint: &str, workspace: &str) -> Option<String> {
    if is_local(endpoint) {
        return None;
    }
    let (endpoint, workspace) = (bare_host(endpoint), bare_host(workspace));
    if endpoint == workspace {
        return Some(format!("{endpoint} is the workspace's address, and Zerobus has its own"));
    }
    let cloud = CLOUDS.iter().find(|(_, end, _)| endpoint.ends_with(end));
    let Some((cloud, end, workspace_end)) = cloud else {
        return Some(format!("{endpoint} is not an address of Zerobus on AWS, Azure or GCP"));
    };
    let labels: Vec<&str> = endpoint.strip_suffix(end).unwrap_or_default().split('.').collect();
    let is_id = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    match labels[..] {
        [id, "zerobus", region] if is_id(id) && !region.is_empty() => {}
        [id, "zerobus", _] if !is_id(id) => {
            return Some(format!("{endpoint} begins with {id:?}, and the workspace's id is a number"));
        }
        _ => return Some(format!("{endpoint} is not <workspace-id>.zerobus.<region>{end}")),
    }
    let other = CLOUDS.iter().find(|(name, _, end)| name != cloud && workspace.ends_with(end));
    other
        .filter(|_| !workspace.ends_with(workspace_end))
        .map(|(other, ..)| format!("the endpoint is on {cloud} and the workspace {workspace} on {other}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_the_shape_of_its_cloud() {
        let workspace = "acme.cloud.databricks.com";
        for good in [
            ("123.zerobus.us-west-2.cloud.databricks.com", workspace),
            ("123.zerobus.westeurope.azuredatabricks.net", "adb-123.4.azuredatabricks.net"),
            ("123.zerobus.europe-west3.gcp.databricks.com", "123.4.gcp.databricks.com"),
            ("127.0.0.1:8471", "127.0.0.1:8471"),
            ("[::1]:1", "localhost"),
        ] {
            assert_eq!(shape(good.0, good.1), None, "{good:?}");
        }
        for (endpoint, workspace, problem) in [
            (workspace, workspace, "is the workspace's address"),
            ("example.com", workspace, "is not an address of Zerobus"),
            ("acme.zerobus.us-west-2.cloud.databricks.com", workspace, "id is a number"),
            ("123.us-west-2.cloud.databricks.com", workspace, "is not <workspace-id>.zerobus.<region>"),
            ("123.zerobus.westeurope.azuredatabricks.net", workspace, "on Azure and the workspace"),
        ] {
            let found = shape(endpoint, workspace).unwrap_or_default();
            assert!(found.contains(problem), "{endpoint}: {found}");
        }
    }
}
