//! The protocol of one stream without I/O: the order of requests, their offsets, their sizes.

use bytes::Bytes;
use zerobus_runtime::wire::ingest_record_batch_request::Batch;
use zerobus_runtime::wire::ingest_record_request::Record;
use zerobus_runtime::wire::{
    CreateIngestStreamRequest, IngestRecordBatchRequest, IngestRecordRequest, RecordType, ResumeIngestStreamRequest,
};

use super::requests::Request;
use crate::limits::Limits;
use crate::refusal::Refusal;

/// The records of one request, in the stream's encoding.
#[derive(Debug, PartialEq)]
pub(super) enum Records {
    Json(Vec<String>),
    Proto(Vec<Bytes>),
}

impl Records {
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Json(records) => records.len(),
            Self::Proto(records) => records.len(),
        }
    }
}

/// One valid request.
#[derive(Debug, PartialEq)]
pub(super) struct Ingest {
    pub(super) offset: i64,
    pub(super) records: Records,
    pub(super) bytes: usize,
}

/// The expected next request.
#[derive(Debug)]
pub(super) struct Protocol {
    record_type: RecordType,
    next_offset: i64,
    record_bytes: usize,
    records: usize,
}

/// The request that opens a stream.
#[derive(Debug)]
pub(super) enum Opening {
    Create(CreateIngestStreamRequest),
    CreatePersistent(CreateIngestStreamRequest),
    Resume(ResumeIngestStreamRequest),
}

impl Opening {
    /// The table that the request names. A request that resumes a stream names none: the call's metadata do.
    pub(super) fn table_name(&self) -> Option<&str> {
        match self {
            Self::Create(create) | Self::CreatePersistent(create) => Some(create.table_name()),
            Self::Resume(_) => None,
        }
    }

    pub(super) const fn descriptor(&self) -> Option<&Bytes> {
        match self {
            Self::Create(create) | Self::CreatePersistent(create) => create.descriptor_proto.as_ref(),
            Self::Resume(resume) => resume.descriptor_proto.as_ref(),
        }
    }

    fn record_type(&self) -> RecordType {
        let (given, parsed) = match self {
            Self::Create(create) | Self::CreatePersistent(create) => (create.record_type, create.record_type()),
            Self::Resume(resume) => (resume.record_type, resume.record_type()),
        };
        // Old clients set no type; they send PROTO.
        given.map_or(RecordType::Proto, |_| parsed)
    }
}

impl Protocol {
    /// Reads the first request, which has to create or resume the stream.
    pub(super) fn open(request: Request, limits: &Limits) -> Result<(Self, Opening), Refusal> {
        let opening = match request {
            Request::Create(create) => Opening::Create(create),
            Request::CreatePersistent(create) => Opening::CreatePersistent(create),
            Request::Resume(resume) => Opening::Resume(resume),
            _ => return Err(Refusal::protocol("the first request is not create_stream")),
        };
        let record_type = match opening.record_type() {
            kind @ (RecordType::Proto | RecordType::Json) => kind,
            RecordType::Avro => return Err(Refusal::unsupported_record_type("AVRO")),
            RecordType::Unspecified => return Err(Refusal::unsupported_record_type("RECORD_TYPE_UNSPECIFIED")),
        };
        let (record_bytes, records) = (limits.record_bytes, limits.records_per_request);
        Ok((Self { record_type, next_offset: 0, record_bytes, records }, opening))
    }

    /// Continues after the last offset that earlier connections of the stream have stored.
    pub(super) const fn go_on_behind(&mut self, committed: i64) {
        self.next_offset = committed + 1;
    }

    pub(super) const fn next_offset(&self) -> i64 {
        self.next_offset
    }

    pub(super) const fn record_type(&self) -> RecordType {
        self.record_type
    }

    /// Reads every later request.
    pub(super) fn ingest(&mut self, request: Request) -> Result<Ingest, Refusal> {
        let (offset, records) = match request {
            Request::Create(_) | Request::CreatePersistent(_) => {
                return Err(Refusal::protocol("create_stream came a second time"));
            }
            Request::Resume(_) => return Err(Refusal::protocol("resume_stream came on an open stream")),
            Request::Record(request) => single(request)?,
            Request::Batch(request) => batch(request)?,
            Request::Empty => {
                return Err(Refusal::protocol("a request has no payload, or one that this server does not know"));
            }
        };
        let fits = matches!(
            (&records, self.record_type),
            (Records::Json(_), RecordType::Json) | (Records::Proto(_), RecordType::Proto)
        );
        if !fits {
            let opened = self.record_type.as_str_name();
            return Err(Refusal::protocol(format_args!("the stream was opened for {opened} records")));
        }
        let offset = offset.ok_or_else(|| Refusal::protocol("a request has no offset_id"))?;
        if offset != self.next_offset {
            return Err(Refusal::offset(self.next_offset, offset));
        }
        let bytes = self.check_size(offset, &records)?;
        self.next_offset += 1;
        Ok(Ingest { offset, records, bytes })
    }

    fn check_size(&self, offset: i64, records: &Records) -> Result<usize, Refusal> {
        let sizes: Vec<usize> = match records {
            Records::Json(records) => records.iter().map(String::len).collect(),
            Records::Proto(records) => records.iter().map(Bytes::len).collect(),
        };
        if sizes.len() > self.records {
            let (found, limit) = (sizes.len(), self.records);
            let text = format!("the request at offset {offset} has {found} records, more than {limit}");
            return Err(Refusal::too_large(text));
        }
        let bytes = sizes.iter().sum();
        if bytes > self.record_bytes {
            let limit = self.record_bytes;
            let text = format!("the records of the request at offset {offset} are {bytes} bytes, more than {limit}");
            return Err(Refusal::too_large(text));
        }
        Ok(bytes)
    }
}

fn single(request: IngestRecordRequest) -> Result<(Option<i64>, Records), Refusal> {
    let records = match request.record {
        Some(Record::JsonRecord(record)) => Records::Json(vec![record]),
        Some(Record::ProtoEncodedRecord(record)) => Records::Proto(vec![record]),
        Some(Record::AvroEncodedRecord(_)) => return Err(Refusal::unsupported_record_type("AVRO")),
        None => return Err(Refusal::protocol("ingest_record has no record")),
    };
    Ok((request.offset_id, records))
}

fn batch(request: IngestRecordBatchRequest) -> Result<(Option<i64>, Records), Refusal> {
    let records = match request.batch {
        Some(Batch::JsonBatch(batch)) => Records::Json(batch.records),
        Some(Batch::ProtoEncodedBatch(batch)) => Records::Proto(batch.records),
        Some(Batch::AvroBatch(_)) => return Err(Refusal::unsupported_record_type("AVRO")),
        None => return Err(Refusal::protocol("ingest_record_batch has no batch")),
    };
    Ok((request.offset_id, records))
}
