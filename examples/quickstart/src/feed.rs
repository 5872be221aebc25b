//! The feed: a week of earthquakes from the USGS as GeoJSON, and the conversion of each event to a row.

use serde::Deserialize;
use serde_json::value::RawValue;
use zerobus_runtime::Timestamp;

use crate::Failure;
use crate::main::geo::Earthquakes;
use crate::main::geo::earthquakes::Location;

/// The events that ship with the example: <https://earthquake.usgs.gov>, public domain.
const EVENTS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/earthquakes.geojson"));

#[derive(Deserialize)]
struct Collection {
    features: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    geometry: Geometry,
    /// Kept as text, because the column `properties` stores all of it.
    properties: Box<RawValue>,
}

#[derive(Deserialize)]
struct Geometry {
    coordinates: (f64, f64, Option<f64>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    /// Milliseconds since 1970-01-01.
    time: i64,
    /// Milliseconds since 1970-01-01.
    updated: Option<i64>,
    mag: Option<f64>,
    mag_type: Option<String>,
    place: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    status: String,
    tsunami: u8,
    sig: i16,
    felt: Option<i32>,
    gap: Option<f32>,
    rms: Option<f64>,
    /// `,ci37868143,us1000chhc,`
    ids: String,
    sources: String,
}

/// Every event of the feed as a row.
pub(crate) fn rows() -> Result<Vec<Earthquakes>, Failure> {
    let collection: Collection = serde_json::from_str(EVENTS)?;
    collection.features.into_iter().map(row).collect()
}

fn row(event: Event) -> Result<Earthquakes, Failure> {
    let properties: Properties = serde_json::from_str(event.properties.get())?;
    // The feed has milliseconds, the column microseconds; `from_millis` names the unit.
    let time = Timestamp::from_millis(properties.time)?;
    let (longitude, latitude, depth_km) = event.geometry.coordinates;
    Ok(Earthquakes {
        id: event.id,
        time,
        updated: properties.updated.map(Timestamp::from_millis).transpose()?,
        event_date: time.date(),
        mag: properties.mag,
        mag_type: properties.mag_type,
        place: properties.place,
        r#type: properties.kind,
        status: properties.status,
        tsunami: properties.tsunami != 0,
        sig: properties.sig,
        felt: properties.felt,
        gap: properties.gap,
        rms: properties.rms,
        location: Location { longitude, latitude, depth_km },
        ids: list(&properties.ids),
        sources: list(&properties.sources),
        properties: Some(event.properties.get().parse()?),
    })
}

fn list(commas: &str) -> Vec<String> {
    commas.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
