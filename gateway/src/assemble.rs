//! Puts the parts of a gateway together from its configuration. Decides nothing.

use std::sync::Arc;
use std::time::Duration;

use audit::{Identity, Journal};
use embedded_bucket::EmbeddedBucket;
use futures_util::FutureExt as _;
use http::Method;
use http_body_util::BodyExt as _;
use kms_keys::{
    DocumentFault, DocumentKeys, KeyError, Keyrings, Mirror, PlacedDocuments, WhenMissing,
};
use object_store::ObjectStore;
use sealed_object::Random;
use tower::util::BoxCloneSyncService;
use tower::{Service as _, service_fn};

use crate::admin::{Admin, SignIn};
use crate::archive::{Archive, ArchiveBucket, Sources};
use crate::authenticate::Authenticator;
use crate::authorize::{Lookups, OfTenant, Policies, PolicySets};
use crate::buckets::Buckets;
use crate::clock::Clock;
use crate::config::{
    Config, Endpoint, IdentityProviderConfig, Shown, TenantConfig, UpstreamConfig, authorities,
};
use crate::control::Control;
use crate::cors::Cors;
use crate::directory::{AccessKeyIds, Directory};
use crate::jobs::Jobs;
use crate::key_management::KeyManagement;
use crate::key_scopes::KeyScopes;
use crate::keys::{Keys, SuitesOfTenants};
use crate::limits::Limits;
use crate::oidc::{self, ProvidersError};
use crate::operations::{Layouts, Operations};
use crate::s3::{Addressing, Code};
use crate::service::Service;
use crate::sessions::{Liveness, SessionKeys};
use crate::sigv4::{SecretKey, Signer};
use crate::sinks::{Acknowledging, TargetError};
use crate::stored_bytes::StoredBytes;
use crate::sts::Sts;
use crate::telemetry::Telemetry;
use crate::trail::{Attested, Keeper, SuperLog, SuperLogError, Trail};
use crate::upstream::{
    self, Capabilities, NetworkSettings, StoreRequest, StoreRequestBody, Transport, TransportError,
    Upstream, UpstreamError,
};

/// Why a gateway could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// The stream that acknowledges events.
    #[error("the stream that must have audit events cannot be used")]
    Stream(#[from] TargetError),
    /// The audit journal.
    #[error("the audit journal cannot be opened")]
    Journal(#[from] audit::JournalError),
    /// The super-log.
    #[error("the audit log cannot be registered in the super-log")]
    SuperLog(#[from] SuperLogError),
    /// The embedded bucket.
    #[error(
        "the embedded bucket cannot be opened; it belongs to one process, so a gateway that has it must be stopped first"
    )]
    Embedded(#[from] embedded_bucket::OpenError),
    /// The root keys.
    #[error("the root keys cannot be used")]
    RootKeys(#[from] kms_keys::LocalFileError),
    /// The keyrings.
    #[error("the keyrings cannot be opened")]
    Keyrings(#[from] KeyError),
    /// The machine's certificates.
    #[error("the machine's root certificates cannot be read")]
    Certificates(#[source] std::io::Error),
    /// The authorities given for the store's certificate.
    #[error("the authorities for the store's certificate cannot be used")]
    Authorities(#[from] crate::config::TlsError),
    /// The identity providers.
    #[error("the identity providers cannot be asked")]
    Providers(#[from] ProvidersError),
    /// The control documents' client.
    #[error("the system bucket's client cannot be made")]
    ControlStore(#[from] object_store::Error),
    /// The system bucket.
    #[error("the system bucket {bucket} cannot be made or reached; check [upstream]")]
    SystemBucket {
        /// Its name.
        bucket: String,
        /// What the store said.
        #[source]
        source: UpstreamError,
    },
}

/// A gateway, put together.
#[derive(Debug)]
pub struct Assembled {
    /// The data plane.
    pub service: Service,
    /// Where this replica's log is registered.
    pub super_log: SuperLog,
    /// What administrators ask.
    pub admin: Admin,
    /// What is done to all objects of a tenant beside requests.
    pub jobs: Jobs,
    /// Where the trail is archived, if it is.
    pub archive: Option<Archive>,
    /// What tenants store, counted.
    pub stored_bytes: StoredBytes,
}

/// Builds a gateway. Opens the journal and the root keys, makes the system bucket where it is missing.
pub async fn assemble(config: &Config, clock: Clock) -> Result<Assembled, AssembleError> {
    let system_bucket = format!("{}system", config.bucket_prefix);
    let (upstream, control) = connect(config, &system_bucket, &clock)?;
    make_system_bucket(&upstream, &system_bucket).await?;
    let store = probe(&upstream, &system_bucket).await?;

    let missing = WhenMissing::Create(clock.now());
    let management = KeyManagement::configured(config, missing, &clock).await?;
    let mirror = open_mirror(config, &clock)?;
    let keyrings = Arc::new(management.keyrings(&control, mirror.clone()).await?);
    let documents = PlacedDocuments::of(keyrings.deployment());
    let suites = SuitesOfTenants::declared(config.suites, &config.tenants);
    let random = suites.random();
    let trail = open_trail(config, &keyrings, &random, &clock).await?;
    let super_log = register(config, &control, store, &trail).await?;
    let telemetry = Telemetry::watching(Arc::clone(trail.health()));
    let telemetry = Arc::new(telemetry.with_keys(Arc::clone(&keyrings)));
    let of_trail = (&keyrings, &trail, telemetry.as_ref());
    let archive = open_archive(config, (&upstream, &control), of_trail, &clock)?;
    let documented = documents_in(&control, &keyrings, &clock);
    let ids = AccessKeyIds::new(keyrings.deployment().derive(ACCESS_KEY_IDS));
    let directory = Directory::new(&config.tenants, documented.clone(), ids, clock.clone());
    let directory = Arc::new(directory.with_limits(config.limits));
    let sessions = Arc::new(SessionKeys::derive(keyrings.deployment()));
    let liveness = Arc::new(Liveness::new(documented.clone(), clock.clone()));
    let declared = config.admin.iter();
    let administrators = administrators(config);
    let buckets = Buckets::new(control, documents, &config.bucket_prefix).mirrored(mirror);
    let lookups = Lookups::new(buckets.clone(), Arc::clone(&directory), upstream.clone());
    let policies = policies_of(config, &documented, lookups, &clock);
    let admin = Admin::new(
        documented.clone(),
        Arc::clone(&keyrings),
        trail.clone(),
        clock.clone(),
        declared
            .flat_map(|admin| admin.credentials.clone())
            .collect(),
        (Arc::clone(&directory), Arc::clone(&liveness)),
        (buckets.clone(), policies.clone()),
    )
    .with_cryptoperiod(config.keys.cryptoperiod)
    .with_journal(config.audit.journal.clone())
    .with_evidence(Shown::of(config), Endpoint::of(config))
    .with_sign_in(sign_in(config, &directory, &clock)?);
    tell_suite(config);
    let limits = limits_of(config, &directory, &telemetry, &clock);
    let operations = Operations {
        audit_keys: trail.keys().clone(),
        random,
        upstream,
        store,
        cors: Cors::new(buckets.clone(), Arc::clone(&directory)),
        buckets,
        keys: Keys::new(
            keyrings,
            suites,
            KeyScopes::declared(Arc::clone(&directory)),
        ),
        layouts: Layouts::default(),
        limits: Arc::clone(&limits),
        left_behind: Arc::default(),
        accommodations: config.accommodations,
        system_bucket: system_bucket.into(),
        region: config.region.as_str().into(),
        clock: clock.clone(),
    };
    let (jobs, stored_bytes) =
        beside_requests((&documented, &directory), (&operations, &trail), &telemetry);
    let providers =
        oidc::Providers::declared(&config.tenants, &clock)?.and_of(Arc::clone(&directory));
    let service = Service {
        addressing: Addressing {
            base_domains: config.base_domains.clone(),
        },
        authenticator: Authenticator::new(
            &config.region,
            config.signature_v2_headers,
            Arc::clone(&directory),
            (Arc::clone(&sessions), Arc::clone(&liveness)),
            clock.clone(),
        ),
        sts: Sts::new((providers, directory), sessions, liveness, clock)
            .without(administrators.to_vec()),
        limits,
        policies,
        trail,
        operations,
        telemetry,
    };
    Ok(Assembled {
        service,
        super_log,
        admin,
        jobs,
        archive,
        stored_bytes,
    })
}

/// What is done to tenants' objects beside requests, and counted of them.
fn beside_requests(
    (documented, directory): (&Control, &Arc<Directory>),
    (operations, trail): (&Operations, &Trail),
    telemetry: &Arc<Telemetry>,
) -> (Jobs, StoredBytes) {
    let jobs = Jobs::new(
        documented.clone(),
        operations.clone(),
        trail.clone(),
        Arc::clone(telemetry),
    );
    let stored_bytes = StoredBytes::new(
        (documented.clone(), Arc::clone(directory)),
        operations.clone(),
        trail.clone(),
        Arc::clone(telemetry),
    );
    (jobs, stored_bytes)
}

async fn probe(upstream: &Upstream, system_bucket: &str) -> Result<Capabilities, AssembleError> {
    let probed = Capabilities::probe(upstream, system_bucket).await;
    let store = probed.map_err(|source| AssembleError::SystemBucket {
        bucket: system_bucket.to_owned(),
        source,
    })?;
    warn_of(store);
    Ok(store)
}

fn warn_of(store: Capabilities) {
    if !store.conditional_writes {
        tracing::warn!(
            "the store decides no conditions on writes: requests with If-Match or If-None-Match are refused, and two replicas can lose an entry of the super-log"
        );
    }
}

fn tell_suite(config: &Config) {
    tracing::info!(
        suite = config.suites.sealing.name(),
        implementation = config.suites.sealing.implementation(),
        "objects of tenants that ask for no other suite are sealed"
    );
}

/// Who vouches for administrators.
fn administrators(config: &Config) -> &[IdentityProviderConfig] {
    let admin = config.admin.as_ref();
    admin.map_or(&[][..], |admin| &admin.identity_providers)
}

fn sign_in(
    config: &Config,
    directory: &Arc<Directory>,
    clock: &Clock,
) -> Result<Option<SignIn>, ProvidersError> {
    SignIn::declared(administrators(config), directory, clock)
}

fn limits_of(
    config: &Config,
    directory: &Arc<Directory>,
    telemetry: &Arc<Telemetry>,
    clock: &Clock,
) -> Arc<Limits> {
    Arc::new(Limits::declared(
        &config.tenants,
        Arc::clone(directory),
        Arc::clone(telemetry),
        clock.clone(),
    ))
}

fn policies_of(config: &Config, control: &Control, lookups: Lookups, clock: &Clock) -> Policies {
    let declared = |tenant: &TenantConfig| {
        let policies = tenant.policies.as_ref()?;
        let of_tenant = OfTenant {
            policies: Arc::clone(&policies.set),
            classes: policies.classes.clone(),
        };
        Some((tenant.id.clone(), Arc::new(of_tenant)))
    };
    Policies::new(
        config.tenants.iter().filter_map(declared).collect(),
        config.guardrails.alone(),
        PolicySets::new(control.clone(), config.guardrails.sources().to_vec()),
        lookups,
        config.upstream.region(&config.region),
        clock.clone(),
    )
}

/// The trail of this replica, with its first line on record.
async fn open_trail(
    config: &Config,
    keyrings: &Arc<Keyrings>,
    random: &Arc<dyn Random>,
    clock: &Clock,
) -> Result<Trail, AssembleError> {
    let identity = Arc::new(audit_identity(keyrings));
    let settings = audit::Settings {
        replica: config.audit.replica.clone(),
        second: config.audit.second_journal.clone(),
        min_devices: config.audit.min_devices,
        ..audit::Settings::default()
    };
    let journal = Journal::open(&config.audit.journal, identity, settings, clock.now())?;
    for closed in &journal.opening().closed {
        tracing::warn!(
            ?closed,
            "closed the audit log of a run that did not end in good order"
        );
    }
    let keeper = Acknowledging::declared(&config.audit, &journal.identity().name())?;
    let trail = Trail::new(
        Arc::new(journal),
        Arc::clone(keyrings),
        Arc::clone(random),
        Attested(config.audit.attested.clone()),
        config.audit.durabilities.clone(),
        keeper.map(|keeper| Arc::new(keeper) as Arc<dyn Keeper>),
        clock.clone(),
    );
    trail.begin(Shown::of(config).sha256()).await?;
    Ok(trail)
}

/// The super-log, with the beginning of this replica's log in it before anything is served: so it cannot vanish unseen.
async fn register(
    config: &Config,
    control: &Arc<dyn ObjectStore>,
    store: Capabilities,
    trail: &Trail,
) -> Result<SuperLog, AssembleError> {
    let (control, conditional) = (Arc::clone(control), store.conditional_writes);
    let super_log = SuperLog::new(control, conditional, trail.clone(), &config.audit.journal);
    if let Err(error) = super_log.register().await {
        // It has served nobody, and ends in good order.
        trail.end().await;
        return Err(error.into());
    }
    Ok(super_log)
}

/// Whose trail it is, and the keys that sign it.
pub(crate) fn audit_identity(keyrings: &Keyrings) -> Identity {
    let deployment = keyrings.deployment();
    Identity::new(deployment.id(), &deployment.derive(AUDIT))
}

/// The deployment's control documents in its system bucket.
pub(crate) fn documents_in(
    control: &Arc<dyn ObjectStore>,
    keyrings: &Keyrings,
    clock: &Clock,
) -> Control {
    let keys = DocumentKeys::of(keyrings.deployment());
    Control::new(Arc::clone(control), keys, clock.clone())
}

/// The mirror of keyrings, if one is configured; not asked anything yet.
pub(crate) fn open_mirror(config: &Config, clock: &Clock) -> Result<Option<Mirror>, AssembleError> {
    let Some(mirror) = &config.keys.mirror else {
        return Ok(None);
    };
    let bucket = mirror.bucket.clone();
    let (upstream, documents) = connect_to(&mirror.store, &config.region, &bucket, clock)?;
    let prepare = move || {
        let (upstream, bucket) = (upstream.clone(), bucket.clone());
        async move { prepare_mirror(&upstream, &bucket).await }.boxed()
    };
    Ok(Some(Mirror::new(documents, Arc::new(prepare))))
}

/// Makes the mirror's bucket where it is missing, and tries what its store can do.
async fn prepare_mirror(upstream: &Upstream, bucket: &str) -> Result<(), KeyError> {
    let found = async {
        make_bucket(upstream, bucket).await?;
        Capabilities::probe(upstream, bucket).await
    };
    let path = bucket.to_owned();
    match found.await {
        Ok(found) if found.conditional_writes => Ok(()),
        Ok(_) => Err(KeyError::Document {
            path,
            fault: DocumentFault::Unconditional,
        }),
        Err(error) => {
            let may_pass = error.may_pass();
            let source = Arc::new(error);
            Err(if may_pass {
                KeyError::StoreUnavailable { path, source }
            } else {
                KeyError::StoreRefused { path, source }
            })
        }
    }
}

/// Where the trail is archived, if it is; not asked anything yet.
fn open_archive(
    config: &Config,
    (upstream, control): (&Upstream, &Arc<dyn ObjectStore>),
    (keyrings, trail, telemetry): (&Arc<Keyrings>, &Trail, &Telemetry),
    clock: &Clock,
) -> Result<Option<Archive>, AssembleError> {
    let identity = Arc::new(audit_identity(keyrings));
    let bucket = archive_bucket(config, upstream, &identity, clock)?;
    let sources = Sources {
        identity,
        trail: trail.clone(),
        system: Arc::clone(control),
    };
    let configured = bucket.zip(config.audit.archive.as_ref());
    Ok(configured.map(|(bucket, archive)| {
        let configured = (&config.audit, archive);
        let meters = telemetry.archive();
        Archive::new(configured, bucket, sources, meters, clock.clone())
    }))
}

/// The archive's bucket, if one is configured; not asked anything yet. `upstream` is the gateway's own store.
pub(crate) fn archive_bucket(
    config: &Config,
    upstream: &Upstream,
    identity: &Identity,
    clock: &Clock,
) -> Result<Option<ArchiveBucket>, AssembleError> {
    let Some(archive) = &config.audit.archive else {
        return Ok(None);
    };
    let (upstream, store) = match &archive.store {
        Some(store) => {
            let own = connect_to(store, &config.region, &archive.bucket, clock)?.0;
            (own, store)
        }
        None => (upstream.clone(), &config.upstream),
    };
    let (bucket, prefix) = (&archive.bucket, &archive.prefix);
    let bucket = ArchiveBucket::new((upstream, store), bucket, prefix, identity.deployment());
    Ok(Some(bucket))
}

/// The store, and the control documents in it, over one transport.
pub(crate) fn connect(
    config: &Config,
    system_bucket: &str,
    clock: &Clock,
) -> Result<(Upstream, Arc<dyn ObjectStore>), AssembleError> {
    connect_to(&config.upstream, &config.region, system_bucket, clock)
}

fn connect_to(
    store: &UpstreamConfig,
    here: &str,
    system_bucket: &str,
    clock: &Clock,
) -> Result<(Upstream, Arc<dyn ObjectStore>), AssembleError> {
    match store {
        UpstreamConfig::Embedded { path } => {
            let transport = embedded_transport(&{
                let clock = clock.clone();
                EmbeddedBucket::open(path, move || clock.now())?
            });
            let control =
                upstream::control_store(transport.clone(), EMBEDDED, here, system_bucket, None)?;
            Ok((
                Upstream::new(transport, EMBEDDED, None, PATIENCE, clock.clone()),
                control,
            ))
        }
        UpstreamConfig::S3 {
            endpoint,
            region,
            access_key_id,
            secret_access_key,
            ca_file,
            timeout,
        } => {
            let settings = NetworkSettings {
                authorities: ca_file.as_deref().map(authorities).transpose()?,
                ..NetworkSettings::default()
            };
            let transport =
                upstream::network_transport(settings).map_err(AssembleError::Certificates)?;
            let credentials = Some((access_key_id.as_str(), secret_access_key.reveal()));
            let control = upstream::control_store(
                transport.clone(),
                endpoint,
                region,
                system_bucket,
                credentials,
            )?;
            let signer = Signer::new(
                access_key_id,
                &SecretKey::new(secret_access_key.reveal()),
                None,
                region.clone(),
            );
            Ok((
                Upstream::new(transport, endpoint, Some(signer), *timeout, clock.clone()),
                control,
            ))
        }
    }
}

/// The embedded bucket called in process: the same requests, no socket.
fn embedded_transport(bucket: &EmbeddedBucket) -> Transport {
    let service = bucket.service();
    let service = service_fn(move |request: http::Request<StoreRequestBody>| {
        let answered = service.clone().call(request);
        async move {
            let response = answered
                .await
                .map_err(|error| TransportError(error.into()))?;
            Ok(response.map(|body| body.map_err(upstream::BoxError::from).boxed_unsync()))
        }
    });
    BoxCloneSyncService::new(service)
}

pub(crate) async fn make_system_bucket(
    upstream: &Upstream,
    bucket: &str,
) -> Result<(), AssembleError> {
    let made = make_bucket(upstream, bucket).await;
    made.map_err(|source| AssembleError::SystemBucket {
        bucket: bucket.to_owned(),
        source,
    })
}

async fn make_bucket(upstream: &Upstream, bucket: &str) -> Result<(), UpstreamError> {
    match upstream
        .send(StoreRequest::bucket(Method::HEAD, bucket))
        .await
    {
        Ok(_) => return Ok(()),
        Err(error) if error.is_missing() => {}
        Err(error) => return Err(error),
    }
    match upstream
        .send(StoreRequest::bucket(Method::PUT, bucket))
        .await
    {
        // Another replica was faster.
        Err(error) if error.code() == Some(Code::BucketAlreadyOwnedByYou) => Ok(()),
        other => other.map(drop),
    }
}

/// A disk is slow at most.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the check in access key ids is derived for.
const ACCESS_KEY_IDS: &str = "sealgate 2026-11-26 access key ids";

/// What the secret of the audit trail's keys is derived for.
const AUDIT: &str = "sealgate 2026-11-26 audit trail";

/// Never resolved: the embedded bucket is called, not connected to.
const EMBEDDED: &str = "http://embedded.invalid";
