//! TLS 1.3 with throw-away certificates, and the QUIC settings of both ends.
//!
//! Any certificate is accepted: [`super::identity`] proves who is there. No resumption and no
//! early data, so that every connection has keying material of its own.

use std::sync::Arc;
use std::time::Duration;

use alloy::signers::local::PrivateKeySigner;
use hkdf::Hkdf;
use quinn::congestion::BbrConfig;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{EndpointConfig, IdleTimeout, TransportConfig, VarInt};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::{DigitallySignedStruct, PeerIncompatible, SignatureScheme};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{PeerError, Timeouts, WireLimits};

/// The protocol's name in TLS, the same in all versions.
const ALPN: &[u8] = b"zktrain";
/// The name in the certificates; nobody looks at it.
pub(crate) const NAME: &str = "coordinator.zktrain.invalid";
/// What an end that is not proven yet may send.
pub(crate) const UNPROVEN_WINDOW: u32 = 4 << 10;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A server's configuration, with a new certificate.
pub(crate) fn server(limits: &WireLimits) -> Result<quinn::ServerConfig, PeerError> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    tls.max_early_data_size = 0;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    let mut transport = transport(limits.idle, limits.window);
    // One stream and few bytes until the peer has proven who it is, then more: see `session`.
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .receive_window(VarInt::from_u32(UNPROVEN_WINDOW));
    config
        .transport_config(Arc::new(transport))
        .max_incoming(limits.handshakes)
        .incoming_buffer_size(64 << 10)
        .incoming_buffer_size_total(4 << 20);
    Ok(config)
}

/// A client's configuration.
pub(crate) fn client(patience: &Timeouts, window: u32) -> Result<quinn::ClientConfig, PeerError> {
    let provider = provider();
    let mut tls = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.resumption = Resumption::disabled();
    tls.enable_early_data = false;
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    let mut transport = transport(patience.idle, window);
    // Nobody opens streams to an owner.
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .keep_alive_interval(Some(patience.keep_alive));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

fn transport(idle: Duration, window: u32) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(window))
        .receive_window(VarInt::from_u32(window))
        .send_window(u64::from(window))
        // Does not take every lost packet for a full path, as owners' radio links lose some.
        .congestion_controller_factory(Arc::new(BbrConfig::default()))
        .max_idle_timeout(IdleTimeout::try_from(idle).ok());
    transport
}

/// A server's endpoint, by a key that follows from its account's: after a restart it recognizes
/// the connections that it no longer has, and tells their peers so at once (stateless resets,
/// RFC 9000 §10.3).
pub(crate) fn endpoint(signer: &PrivateKeySigner) -> EndpointConfig {
    let secret = Zeroizing::new(<[u8; 32]>::from(signer.credential().to_bytes()));
    let mut key = Zeroizing::new([0; 64]);
    let mut ids = [0; 8];
    let derived = Hkdf::<Sha256>::new(None, secret.as_slice());
    // Both lengths are far below what HKDF can give.
    let _ = derived.expand(b"zktrain wire: stateless resets", key.as_mut_slice());
    let _ = derived.expand(b"zktrain wire: connection ids", &mut ids);
    let ids = u64::from_be_bytes(ids);
    let mut config = EndpointConfig::new(Arc::new(::ring::hmac::Key::new(
        ::ring::hmac::HMAC_SHA256,
        key.as_slice(),
    )));
    config.cid_generator(move || Box::new(quinn_proto::HashedConnectionIdGenerator::from_key(ids)));
    config
}

/// Accepts any certificate whose key signs the handshake.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
