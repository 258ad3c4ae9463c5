// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// RFC 7858 both ways: dig asks us, and we ask ourselves and NSD.
class DnsOverTlsTest {
  private static final String WEB = "web.default.svc.cluster.local";

  @TempDir Path directory;
  private final List<AutoCloseable> open = new ArrayList<>();
  private final String address = Asking.ownAddress();
  private final String forwarder = Asking.ownAddress();
  private Path certificate;
  private Path key;

  @BeforeEach
  void start() throws Exception {
    certificate = directory.resolve("dns.crt");
    key = directory.resolve("dns.key");
    makeCertificate(certificate, key);
  }

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable each : open) {
      each.close();
    }
  }

  private void makeCertificate(Path certificate, Path key) throws Exception {
    String said =
        Asking.run(
            ("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x"
                    + " -addext subjectAltName=DNS:dns.test,IP:"
                    + address
                    + " -keyout "
                    + key
                    + " -out "
                    + certificate)
                .split(" "));
    assertThat(certificate).as(said).isNotEmptyFile();
  }

  private DnsConfig config(String domain) {
    DnsConfig usual =
        DnsConfig.of(
            List.of(at(address, Asking.PORT)),
            domain,
            List.of(Cluster.SERVICES, Cluster.SERVICES6),
            List.of(),
            List.of());
    return usual.withTls(new DnsOverTls(Asking.TLS_PORT, certificate, key));
  }

  private DnsServer start(DnsConfig config) {
    DnsServer server = DnsServer.start(config);
    open.add(server);
    ((ZoneFollower) server.subscriber())
        .changed(true, Cluster.added(Cluster.services()), Cluster.added(Cluster.slices()));
    return server;
  }

  private static InetSocketAddress at(String address, int port) {
    return new InetSocketAddress(address, port);
  }

  /// A server that forwards to the one at 127.0.0.1, which must prove to be `name`.
  private void startForwarder(String name, Path authorities) {
    Forwarding.Route route =
        new Forwarding.Route(
            ".",
            List.of(at(address, Asking.TLS_PORT)),
            Forwarding.Order.SEQUENTIAL,
            Optional.of(new UpstreamTls(name, Optional.of(authorities))));
    DnsConfig usual =
        DnsConfig.of(
            List.of(at(forwarder, Asking.PORT)), "other.local", List.of(), List.of(), List.of());
    start(
        usual
            .withForwarding(new Forwarding(List.of(route), Duration.ofSeconds(9), 100))
            .withCaching(Caching.none()));
  }

  private String overTls(String name, String... more) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                "dig",
                "@" + address,
                "-p",
                "" + Asking.TLS_PORT,
                "+tls",
                "+tls-ca=" + certificate,
                "+tries=1",
                "+time=30"));
    command.add("+tls-hostname=" + name);
    command.addAll(List.of(more));
    return Asking.run(command.toArray(String[]::new));
  }

  private String forwarded(String name) throws Exception {
    return Asking.run("dig", "@" + forwarder, "-p", "" + Asking.PORT, "+tries=1", "+time=30", name);
  }

  @Test
  void digAsksOverTls() throws Exception {
    start(config("cluster.local"));
    assertThat(overTls("dns.test", WEB)).contains("10.32.7.8", "(TLS)");
    assertThat(overTls(address, "many.db.svc.cluster.local")).contains("ANSWER: 200,", "(TLS)");
    assertThat(overTls("other.test", WEB)).doesNotContain("10.32.7.8");
    assertThat(Asking.run("dig", "@" + address, "-p", "" + Asking.PORT, "+short", "+tcp", WEB))
        .contains("10.32.7.8");
  }

  @Test
  void aNewCertificateIsTakenUp() throws Exception {
    start(config("cluster.local"));
    Path newer = directory.resolve("newer.crt");
    Path newerKey = directory.resolve("newer.key");
    makeCertificate(newer, newerKey);
    Files.move(newerKey, key, StandardCopyOption.REPLACE_EXISTING);
    Files.copy(newer, certificate, StandardCopyOption.REPLACE_EXISTING);
    Asking.until(
        said -> said.contains("10.32.7.8"),
        "dig",
        "@" + address,
        "-p",
        "" + Asking.TLS_PORT,
        "+tls",
        "+tls-ca=" + newer,
        "+tls-hostname=dns.test",
        "+tries=1",
        WEB);
  }

  @Test
  void quietAndWrongHandshakesHoldUpNobody() throws Exception {
    start(config("cluster.local"));
    Random random = new Random(11);
    List<Socket> sockets = new ArrayList<>();
    try {
      for (int i = 0; i < 300; i++) {
        Socket socket = new Socket(address, Asking.TLS_PORT);
        sockets.add(socket);
        if (i % 2 == 0) {
          byte[] nonsense = new byte[200];
          random.nextBytes(nonsense);
          try {
            socket.getOutputStream().write(nonsense);
          } catch (IOException e) {
            // It may have had to make room already.
          }
        }
      }
      assertThat(overTls("dns.test", WEB)).contains("10.32.7.8");
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  @Test
  void forwardsOverTlsToWhomTheNameFits() throws Exception {
    DnsServer upstream = start(config("cluster.local"));
    startForwarder("dns.test", certificate);
    for (int i = 0; i < 5; i++) {
      assertThat(forwarded(WEB)).contains("10.32.7.8");
    }
    // What was kept is closed now; nobody may notice.
    upstream.close();
    start(config("cluster.local"));
    assertThat(forwarded(WEB)).contains("10.32.7.8");
  }

  @Test
  void whoProvesToBeAnotherIsNotAsked() throws Exception {
    start(config("cluster.local"));
    startForwarder("other.test", certificate);
    assertThat(forwarded(WEB)).contains("status: SERVFAIL");
  }

  @Test
  void whomNobodyVouchesForIsNotAsked() throws Exception {
    start(config("cluster.local"));
    Path stranger = directory.resolve("stranger.crt");
    makeCertificate(stranger, directory.resolve("stranger.key"));
    startForwarder("dns.test", stranger);
    assertThat(forwarded(WEB)).contains("status: SERVFAIL");
  }

  @Test
  void forwardsToNsdOverTls() throws Exception {
    Path zone =
        Files.writeString(
            directory.resolve("corp.test.zone"),
            """
            $ORIGIN corp.test.
            $TTL 60
            @ SOA ns host 1 2 3 4 5
            @ NS ns
            ns A 192.0.2.1
            www A 192.0.2.80
            """);
    try (Nsd nsd =
        new Nsd(
            directory,
            """
              ip-address: %1$s@%2$d
              tls-port: %2$d
              tls-service-key: "%3$s"
              tls-service-pem: "%4$s"
            """
                .formatted(address, Asking.TLS_PORT, key, certificate),
            "zone:\n  name: corp.test\n  zonefile: " + zone)) {
      startForwarder("dns.test", certificate);
      String said =
          Asking.until(
              answer -> answer.contains("192.0.2.80"),
              "dig",
              "@" + forwarder,
              "-p",
              "" + Asking.PORT,
              "+tries=1",
              "www.corp.test");
      assertThat(said).as(nsd.said()).contains("status: NOERROR");
    }
  }

  @Test
  void filesThatAreNotWhatTheyShouldBeAreNamed() throws Exception {
    DnsConfig good = config("cluster.local");
    Path empty = Files.writeString(directory.resolve("empty.pem"), "nothing\n");
    assertThatThrownBy(() -> start(good.withTls(new DnsOverTls(Asking.TLS_PORT, empty, key))))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining(empty + " holds no certificates");
    Path missing = directory.resolve("missing.pem");
    assertThatThrownBy(() -> start(good.withTls(new DnsOverTls(Asking.TLS_PORT, missing, key))))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining(missing + " cannot be read");
    assertThatThrownBy(
            () -> good.withForwarding(Forwarding.to(List.of(at(address, Asking.TLS_PORT)))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("is this server itself");
    assertThatThrownBy(
            () -> start(good.withTls(new DnsOverTls(Asking.TLS_PORT, certificate, empty))))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining(empty + " holds no PKCS #8 key");
  }
}
