//! QUIC without the rules: peers that do what they like.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alloy::signers::local::PrivateKeySigner;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use zktrain_wire::frame::{
    self, Answer, Ask, Frame, Greeting, Hello, IdentityProof, MAGIC, VERSION, Welcome,
};
use zktrain_wire::identity::{Channel, PeerRole};

use crate::common::domain;

#[derive(Debug)]
struct Any;

impl ServerCertVerifier for Any {
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
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519]
    }
}

/// A client that would resume sessions and send early data, without keep-alive.
pub fn client_config() -> quinn::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any))
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"zktrain".to_vec()];
    tls.enable_early_data = true;
    quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

/// An endpoint at an address of its own, so that it does not share limits with others.
pub fn client(last: u8) -> Endpoint {
    client_at([127, 0, 0, last])
}

pub fn client_at(address: [u8; 4]) -> Endpoint {
    let mut endpoint = Endpoint::client(SocketAddr::from((address, 0))).unwrap();
    endpoint.set_default_client_config(client_config());
    endpoint
}

pub fn server() -> Endpoint {
    let made = rcgen::generate_simple_self_signed(["anyone".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    tls.alpn_protocols = vec![b"zktrain".to_vec()];
    let crypto = Arc::new(QuicServerConfig::try_from(tls).unwrap());
    let config = quinn::ServerConfig::with_crypto(crypto);
    Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap()
}

pub async fn connect(endpoint: &Endpoint, server: SocketAddr) -> Connection {
    endpoint.connect(server, "anyone").unwrap().await.unwrap()
}

pub async fn send<T: Frame>(stream: &mut SendStream, value: &T) {
    stream.write_all(&frame::encode(value).unwrap()).await.unwrap();
}

pub async fn receive<T: Frame>(stream: &mut RecvStream) -> T {
    let read = frame::read(stream, None);
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap().unwrap()
}

/// Says hello: the coordinator's proof.
pub async fn hello(connection: &Connection) -> (SendStream, RecvStream, IdentityProof) {
    let (mut to, mut from) = connection.open_bi().await.unwrap();
    send(&mut to, &Hello { magic: MAGIC, version: VERSION }).await;
    match receive(&mut from).await {
        Greeting::Proof(proof) => (to, from, proof),
        other => panic!("{other:?}"),
    }
}

/// The whole handshake, as it should be.
pub async fn authenticate(connection: &Connection, signer: &PrivateKeySigner) -> Welcome {
    let (mut to, mut from, _) = hello(connection).await;
    let proof = Channel::of(connection).unwrap().prove(PeerRole::Owner, signer, &domain()).unwrap();
    send(&mut to, &proof).await;
    receive(&mut from).await
}

/// An authenticated connection that does what it likes.
pub async fn member(endpoint: &Endpoint, server: SocketAddr) -> Connection {
    let connection = connect(endpoint, server).await;
    let welcome = authenticate(&connection, &PrivateKeySigner::random()).await;
    assert_eq!(welcome, Welcome::Admitted);
    connection
}

pub async fn ask(connection: &Connection, ask: &Ask) -> (SendStream, RecvStream) {
    let (mut to, from) = connection.open_bi().await.unwrap();
    send(&mut to, ask).await;
    (to, from)
}

pub async fn answer(stream: &mut RecvStream) -> Answer {
    receive(stream).await
}
