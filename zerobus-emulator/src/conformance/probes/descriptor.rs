//! The descriptor against the table.

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto};
use zerobus_runtime::wire::RecordType;

use super::{Probe, known, settle, uncertain};
use crate::conformance::call::{Call, create, proto_row};
use crate::conformance::{Outcome, Target, tables};

pub(super) const PROBES: &[Probe] = &[
    known(
        "descriptor-absolute-names",
        "absolute type names without a package; a row of every type",
        "taken",
        |target| {
            Box::pin(async {
                let descriptor = target.table.descriptor();
                settle(
                    async {
                        let mut call = Call::proto(target, &descriptor).await?;
                        call.send(proto_row(0, encoded(&descriptor)?)).await;
                        Ok(call.finish(0).await)
                    }
                    .await,
                )
            })
        },
    ),
    known("descriptor-package", "absolute type names with the client's package", "taken", |target| {
        Box::pin(with(target, |row| rename_types(row, &|name| format!(".acme.shop{name}"))))
    }),
    known("descriptor-relative-names", "a relative type name is refused", "INVALID_ARGUMENT 4033/4", |target| {
        Box::pin(with(target, |row| rename_types(row, &|name| name.rsplit('.').next().unwrap_or_default().to_owned())))
    }),
    known("descriptor-import", "a type of another file is refused", "INVALID_ARGUMENT 4033/4", |target| {
        Box::pin(with(target, |row| {
            tables::change_field(row, "at", |at| {
                (at.r#type, at.type_name) = (Some(Type::Message.into()), Some(".google.protobuf.Timestamp".to_owned()));
            });
        }))
    }),
    known(
        "descriptor-unknown-field",
        "every field is a column",
        "INVALID_ARGUMENT 8001/0 FIELD_NOT_IN_TABLE",
        |target| Box::pin(with(target, |row| row.field.push(extra("no_such_column")))),
    ),
    known(
        "descriptor-missing-column",
        "every NOT NULL column is a field",
        "INVALID_ARGUMENT 8001/0 MISSING_REQUIRED_COLUMN",
        |target| Box::pin(with(target, |row| row.field.retain(|field| field.name() != "id"))),
    ),
    known("descriptor-type", "int64 does not carry INT", "INVALID_ARGUMENT 8001/0 TYPE_INCOMPATIBLE", |target| {
        Box::pin(with(target, |row| {
            tables::change_field(row, "number", |field| field.r#type = Some(Type::Int64.into()));
        }))
    }),
    uncertain(
        "descriptor-sint32",
        "sint32 does not carry INT",
        "INVALID_ARGUMENT 8001/0 TYPE_INCOMPATIBLE",
        |target| {
            Box::pin(with(target, |row| {
                tables::change_field(row, "number", |field| field.r#type = Some(Type::Sint32.into()));
            }))
        },
    ),
    known("descriptor-nullable-absent", "nullable columns may be absent", "taken", |target| {
        Box::pin(with(target, |row| row.field.retain(|field| field.name() == "id")))
    }),
    uncertain("descriptor-order", "the order of the fields is free", "taken", |target| {
        Box::pin(with(target, |row| row.field.reverse()))
    }),
    uncertain("descriptor-numbers", "the numbers of the fields are free", "taken", |target| {
        Box::pin(with(target, |row| {
            row.field.iter_mut().for_each(|field| field.number = field.number.map(|number| number + 100));
        }))
    }),
    uncertain(
        "descriptor-case",
        "names are compared with regard to case",
        "INVALID_ARGUMENT 8001/0 FIELD_NOT_IN_TABLE",
        |target| {
            Box::pin(with(target, |row| {
                tables::change_field(row, "name", |field| field.name = Some("NAME".to_owned()));
            }))
        },
    ),
    uncertain("descriptor-optional", "`optional` may stand for a NOT NULL column", "taken", |target| {
        Box::pin(with(target, |row| {
            tables::change_field(row, "id", |field| field.label = Some(Label::Optional.into()));
        }))
    }),
    uncertain("descriptor-required", "`required` may stand for a nullable column", "taken", |target| {
        Box::pin(with(target, |row| {
            tables::change_field(row, "name", |field| field.label = Some(Label::Required.into()));
        }))
    }),
    uncertain("descriptor-json-names", "`json_name` may be absent", "taken", |target| {
        Box::pin(with(target, |row| row.field.iter_mut().for_each(|field| field.json_name = None)))
    }),
    uncertain("descriptor-absent", "a PROTO stream needs a descriptor", "INVALID_ARGUMENT 8001/0", |target| {
        Box::pin(bytes(target, Some(RecordType::Proto), None))
    }),
    uncertain("descriptor-no-message", "the descriptor is a DescriptorProto", "INVALID_ARGUMENT 8001/0", |target| {
        Box::pin(bytes(target, Some(RecordType::Proto), Some(Bytes::from_static(b"\xff\xff"))))
    }),
    known("descriptor-no-record-type", "an absent record type is PROTO", "taken", |target| {
        Box::pin(bytes(target, None, Some(target.table.descriptor().encode_to_vec().into())))
    }),
];

/// Opens a stream by the table's descriptor with a change.
async fn with(target: &Target, change: fn(&mut DescriptorProto)) -> Outcome {
    let mut descriptor = target.table.descriptor();
    change(&mut descriptor);
    match Call::proto(target, &descriptor).await {
        Ok(call) => call.finish(-1).await,
        Err(outcome) => outcome,
    }
}

async fn bytes(target: &Target, kind: Option<RecordType>, descriptor: Option<Bytes>) -> Outcome {
    settle(
        async {
            let table = target.rows();
            let mut call = Call::start(target, &table).await?;
            call.send(create(&table, kind, descriptor)).await;
            call.opened().await?;
            Ok(call.finish(-1).await)
        }
        .await,
    )
}

/// The good row, as prost-reflect encodes it.
fn encoded(descriptor: &DescriptorProto) -> Result<Bytes, Outcome> {
    let failed = |error: String| Outcome::Failed(error);
    let file = FileDescriptorProto {
        name: Some("row.proto".to_owned()),
        message_type: vec![descriptor.clone()],
        ..FileDescriptorProto::default()
    };
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file).map_err(|error| failed(error.to_string()))?;
    let message = pool.get_message_by_name(descriptor.name()).ok_or_else(|| failed("no message".to_owned()))?;
    let row = DynamicMessage::deserialize(message, tables::good_row(1)).map_err(|error| failed(error.to_string()))?;
    Ok(row.encode_to_vec().into())
}

fn rename_types(message: &mut DescriptorProto, rename: &dyn Fn(&str) -> String) {
    for field in &mut message.field {
        field.type_name = field.type_name.as_deref().map(rename);
    }
    message.nested_type.iter_mut().for_each(|nested| rename_types(nested, rename));
}

fn extra(name: &str) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(500),
        label: Some(Label::Optional.into()),
        r#type: Some(Type::String.into()),
        ..FieldDescriptorProto::default()
    }
}
