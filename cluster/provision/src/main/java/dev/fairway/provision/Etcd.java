// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.net.IpAddress;
import dev.fairway.provision.CertificateAuthority.KeyFiles;
import dev.fairway.provision.CertificateAuthority.Subject;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/// The etcd of a cluster that keeps its objects there: one member, on the controller, that speaks
/// TLS only and only with those who have a certificate of its own authority.
final class Etcd {
  static final String NAME = "etcd";
  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final Duration POLL = Duration.ofMillis(20);

  private final ClusterSpec spec;
  private final ClusterPaths paths;

  Etcd(ClusterSpec spec, ClusterPaths paths) {
    this.spec = spec;
    this.paths = paths;
  }

  MachineProcess process() {
    return new MachineProcess(paths, spec.controller(), NAME);
  }

  /// Its certificates, and the API server's as its client.
  void ensureIdentities(Instant now) {
    CertificateAuthority authority = CertificateAuthority.openOrCreate(Pki.etcd(paths), now);
    Machine controller = spec.controller();
    List<IpAddress> addresses = List.of(controller.address(), IpAddress.parse("127.0.0.1"));
    List<String> names = List.of(controller.name(), "localhost");
    authority.issue(Pki.ETCD_SERVER, new Subject("etcd", List.of(), names, addresses));
    authority.issue(Pki.ETCD_PEER, new Subject("etcd-peer", List.of(), names, addresses));
    authority.issue(Pki.ETCD_CLIENT, Subject.client("kube-apiserver-etcd-client"));
  }

  /// Starts it unless it runs, and waits until it takes connections.
  void ensureRunning() throws InterruptedException {
    process().start(command());
    InetSocketAddress address =
        new InetSocketAddress(spec.controller().address().toInetAddress(), ClusterSpec.ETCD_PORT);
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!answers(address)) {
      if (process().pid().isEmpty() || System.nanoTime() > deadline) {
        throw new ProvisionException(
            "etcd on " + spec.controller().name() + " does not run" + process().lastWords());
      }
      Thread.sleep(POLL);
    }
  }

  private static boolean answers(InetSocketAddress address) {
    try (Socket socket = new Socket()) {
      socket.connect(address, (int) Duration.ofSeconds(1).toMillis());
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private List<String> command() {
    Machine controller = spec.controller();
    String peer = "https://" + controller.address() + ":" + ClusterSpec.ETCD_PEER_PORT;
    KeyFiles server = files(Pki.ETCD_SERVER);
    KeyFiles other = files(Pki.ETCD_PEER);
    Path authority = Pki.etcd(paths).resolve("ca.crt");
    return List.of(
        "etcd",
        "--name=" + controller.name(),
        "--data-dir=" + paths.machineState(controller).resolve(NAME),
        "--listen-client-urls=" + spec.etcdUrl() + ",https://127.0.0.1:" + ClusterSpec.ETCD_PORT,
        "--advertise-client-urls=" + spec.etcdUrl(),
        "--listen-peer-urls=" + peer,
        "--initial-advertise-peer-urls=" + peer,
        "--initial-cluster=" + controller.name() + "=" + peer,
        "--initial-cluster-token=" + spec.name(),
        "--client-cert-auth",
        "--trusted-ca-file=" + authority,
        "--cert-file=" + server.certificate(),
        "--key-file=" + server.key(),
        "--peer-client-cert-auth",
        "--peer-trusted-ca-file=" + authority,
        "--peer-cert-file=" + other.certificate(),
        "--peer-key-file=" + other.key(),
        // It would be a client with a server's certificate.
        "--enable-grpc-gateway=false",
        "--logger=zap",
        "--log-level=warn");
  }

  private KeyFiles files(String name) {
    Path directory = Pki.etcd(paths);
    return new KeyFiles(directory.resolve(name + ".crt"), directory.resolve(name + ".key"));
  }
}
