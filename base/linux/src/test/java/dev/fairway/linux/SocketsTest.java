// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.RouteRequest.PutAddress;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Two machines joined by one wire, each with an address of both families.
class SocketsTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Duration SHORT = Duration.ofMillis(700);

  private final NetworkNamespace left = NetworkNamespace.createAnonymous();
  private final NetworkNamespace right = NetworkNamespace.createAnonymous();
  private final Sockets sockets = Sockets.open();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  @BeforeEach
  void wire() {
    try (RouteNetlink inLeft = RouteNetlink.open(left);
        RouteNetlink inRight = RouteNetlink.open(right)) {
      inLeft.apply(
          new AddVeth(
              LinkSpec.named("eth0").withIndex(2).withUp(),
              LinkSpec.named("eth0").withIndex(2).in(right)),
          new PutAddress(LinkAddress.of(2, IpAddress.parse("192.0.2.1"), 24)),
          new PutAddress(LinkAddress.of(2, IpAddress.parse("2001:db8::1"), 64)));
      inRight.apply(
          ChangeLink.of(2).setUp(),
          new PutAddress(LinkAddress.of(2, IpAddress.parse("192.0.2.2"), 24)),
          new PutAddress(LinkAddress.of(2, IpAddress.parse("2001:db8::2"), 64)));
    }
  }

  @AfterEach
  void close() {
    threads.shutdownNow();
    sockets.close();
    left.close();
    right.close();
  }

  private static TransportAddress at(String address, int port) {
    return new TransportAddress(IpAddress.parse(address), port);
  }

  private static SocketSettings signed(String peer, String secret) {
    return SocketSettings.NONE.withKeys(List.of(new SocketKey.Md5(Prefix.parse(peer), secret)));
  }

  private <T> T in30s(Callable<T> work) throws Exception {
    Future<T> future = threads.submit(work);
    return future.get(30, TimeUnit.SECONDS);
  }

  private TcpSocket connect(SocketSettings settings, TransportAddress to, Duration timeout)
      throws IOException, InterruptedException {
    return sockets.connect(left, settings, null, to, timeout);
  }

  private static String readText(TcpSocket socket, int bytes) throws IOException {
    byte[] into = new byte[bytes];
    int done = 0;
    while (done < bytes) {
      int count = socket.read(into, done, bytes - done, LONG);
      assertThat(count).isPositive();
      done += count;
    }
    return new String(into, UTF_8);
  }

  @ParameterizedTest
  @ValueSource(strings = {"192.0.2.2", "2001:db8::2"})
  void talksAndEnds(String server) throws Exception {
    try (TcpListener listener = sockets.listen(right, SocketSettings.NONE, at(server, 0))) {
      Future<TcpSocket> taken = threads.submit(listener::accept);
      try (TcpSocket client =
              connect(SocketSettings.NONE, at(server, listener.localAddress().port()), LONG);
          TcpSocket served = taken.get(30, TimeUnit.SECONDS)) {
        assertThat(served.remoteAddress()).isEqualTo(client.localAddress());
        byte[] much = new byte[3 << 20];
        Future<String> all = threads.submit(() -> readText(served, much.length));
        client.write(much, 0, much.length, LONG);
        assertThat(all.get(30, TimeUnit.SECONDS)).hasSize(much.length);
        served.write("end".getBytes(UTF_8), 0, 3, LONG);
        served.close();
        assertThat(readText(client, 3)).isEqualTo("end");
        assertThat(client.read(new byte[1], 0, 1, LONG)).isEqualTo(-1);
      }
    }
  }

  @Test
  void aRefusedConnectionSaysSo() {
    assertThatThrownBy(() -> connect(SocketSettings.NONE, at("192.0.2.2", 9), LONG))
        .isInstanceOf(ConnectException.class)
        .hasMessageContaining("192.0.2.2:9");
  }

  @Test
  void waitsEndByTimeByInterruptAndByClose() throws Exception {
    TcpListener listener = sockets.listen(right, SocketSettings.NONE, at("192.0.2.2", 0));
    TcpSocket client =
        connect(SocketSettings.NONE, at("192.0.2.2", listener.localAddress().port()), LONG);
    assertThatThrownBy(() -> client.read(new byte[1], 0, 1, Duration.ofMillis(5)))
        .isInstanceOf(SocketTimeoutException.class);

    Thread[] reader = new Thread[1];
    Future<Object> interrupted =
        threads.submit(() -> {
          reader[0] = Thread.currentThread();
          return client.read(new byte[1], 0, 1, LONG);
        });
    Deadline.waitFor(() -> reader[0] != null && reader[0].getState() == Thread.State.TIMED_WAITING);
    reader[0].interrupt();
    assertThatThrownBy(() -> interrupted.get(30, TimeUnit.SECONDS))
        .hasCauseInstanceOf(InterruptedIOException.class);

    Future<Integer> closed = threads.submit(() -> client.read(new byte[1], 0, 1, LONG));
    Future<TcpSocket> first = threads.submit(listener::accept);
    first.get(30, TimeUnit.SECONDS).close();
    assertThat(closed).succeedsWithin(LONG).isEqualTo(-1);
    Future<TcpSocket> second = threads.submit(listener::accept);
    client.close();
    assertThatThrownBy(() -> client.read(new byte[1], 0, 1, LONG))
        .isInstanceOf(SocketException.class);
    listener.close();
    assertThatThrownBy(() -> second.get(30, TimeUnit.SECONDS))
        .hasCauseInstanceOf(SocketException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"192.0.2.0/24 192.0.2.2", "2001:db8::/64 2001:db8::2"})
  void signedSegmentsNeedTheSameKey(String peersAndServer) throws Exception {
    String peers = peersAndServer.split(" ")[0];
    String server = peersAndServer.split(" ")[1];
    String one = server + (server.contains(":") ? "/128" : "/32");
    try (TcpListener listener =
        sockets.listen(right, signed(peers, "correct horse"), at(server, 0))) {
      TransportAddress to = at(server, listener.localAddress().port());
      Future<TcpSocket> taken = threads.submit(listener::accept);
      try (TcpSocket client = connect(signed(one, "correct horse"), to, LONG);
          TcpSocket served = taken.get(30, TimeUnit.SECONDS)) {
        client.write("hi".getBytes(UTF_8), 0, 2, LONG);
        assertThat(readText(served, 2)).isEqualTo("hi");
      }
      assertThatThrownBy(() -> connect(signed(one, "wrong"), to, SHORT))
          .isInstanceOf(SocketTimeoutException.class);
      assertThatThrownBy(() -> connect(SocketSettings.NONE, to, SHORT))
          .isInstanceOf(SocketTimeoutException.class);
    }
  }

  @Test
  void aListenersKeysChange() throws Exception {
    try (TcpListener listener = sockets.listen(right, SocketSettings.NONE, at("192.0.2.2", 0))) {
      TransportAddress to = at("192.0.2.2", listener.localAddress().port());
      listener.keys(List.of(new SocketKey.Md5(Prefix.parse("192.0.2.1/32"), "one")));
      listener.keys(List.of(new SocketKey.Md5(Prefix.parse("192.0.2.1/32"), "two")));
      Future<TcpSocket> first = threads.submit(listener::accept);
      connect(signed("192.0.2.2/32", "two"), to, LONG).close();
      first.get(30, TimeUnit.SECONDS).close();
      listener.keys(List.of());
      Future<TcpSocket> second = threads.submit(listener::accept);
      connect(SocketSettings.NONE, to, LONG).close();
      second.get(30, TimeUnit.SECONDS).close();
    }
  }

  @Test
  void secretsAreNotShown() {
    assertThat(new SocketKey.Md5(Prefix.parse("192.0.2.1/32"), "sesame").toString())
        .isEqualTo("TCP MD5 key for 192.0.2.1/32");
    assertThat(signed("192.0.2.1/32", "sesame").toString()).doesNotContain("sesame");
    assertThatThrownBy(() -> new SocketKey.Md5(Prefix.parse("192.0.2.1/32"), "s".repeat(81)))
        .hasMessageContaining("81 bytes")
        .hasMessageNotContaining("sss");
  }

  @Test
  void tcpAoIsThereOrSaysThatItIsNot() {
    SocketKey.Ao key = new SocketKey.Ao(Prefix.parse("192.0.2.2/32"), 1, 2, "sesame");
    SocketSettings settings = SocketSettings.NONE.withKeys(List.of(key));
    if (KernelFeatures.hasTcpAo()) {
      sockets.listen(right, settings, at("192.0.2.2", 0)).close();
    } else {
      assertThatThrownBy(() -> sockets.listen(right, settings, at("192.0.2.2", 0)))
          .isInstanceOf(KernelException.class)
          .hasMessageContaining("CONFIG_TCP_AO");
    }
  }

  @Test
  void keysAsTheKernelReadsThem() {
    HexFormat hex = HexFormat.of();
    byte[] md5 = TcpKeys.md5(Prefix.parse("192.0.2.0/24"), "ab".getBytes(UTF_8));
    assertThat(hex.formatHex(md5, 0, 8)).isEqualTo("02000000c0000200");
    assertThat(hex.formatHex(md5, 128, 140)).isEqualTo("011802000000000061620000");
    byte[] ao = TcpKeys.ao(new SocketKey.Ao(Prefix.parse("2001:db8::1/128"), 7, 9, "ab"));
    assertThat(hex.formatHex(ao, 8, 24)).isEqualTo("20010db8000000000000000000000001");
    assertThat(hex.formatHex(ao, 128, 138)).isEqualTo(hex.formatHex("hmac(sha1)".getBytes(UTF_8)));
    assertThat(hex.formatHex(ao, 200, 212)).isEqualTo("00008007090c000261620000");
    assertThat(ao).hasSize(288);
  }

  @ParameterizedTest
  @ValueSource(strings = {"192.0.2.2", "2001:db8::2"})
  void aPeerBehindARouterIsNotHeard(String server) throws Exception {
    SocketSettings near = SocketSettings.NONE.withTtlSecurity(1);
    try (TcpListener listener = sockets.listen(right, near, at(server, 0))) {
      TransportAddress to = at(server, listener.localAddress().port());
      connect(near.onDevice("eth0").withMark(5), to, LONG).close();
      // 64 is what a packet that passed many routers may have left.
      assertThatThrownBy(() -> connect(SocketSettings.NONE, to, SHORT))
          .isInstanceOf(SocketTimeoutException.class);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"192.0.2.2 192.0.2.1", "2001:db8::2 2001:db8::1"})
  void datagramsTellHowFarTheyCame(String pair) throws Exception {
    String server = pair.split(" ")[0];
    String client = pair.split(" ")[1];
    SocketSettings far = SocketSettings.NONE.withTtl(255).withTrafficClass(0xc0);
    try (UdpSocket in =
            UdpSocket.open(right, SocketSettings.NONE.withTtlSecurity(1), at(server, 0));
        UdpSocket out = UdpSocket.open(left, far, at(client, 0));
        UdpSocket weak = UdpSocket.open(left, far.withTtl(254), at(client, 0));
        Readiness readiness = new Readiness()) {
      readiness.add(in, 3);
      assertThat(in.receive()).isNull();
      TransportAddress to = in.localAddress();
      assertThat(weak.send(new byte[] {1}, to, 0)).isZero();
      assertThat(out.send(new byte[] {2, 3}, to, 0)).isZero();
      UdpSocket.Datagram[] got = new UdpSocket.Datagram[1];
      in30s(() -> {
        while (got[0] == null) {
          readiness.await(
              100,
              token -> {
                assertThat(token).isEqualTo(3);
                got[0] = in.receive();
              });
        }
        return true;
      });
      assertThat(got[0].bytes()).containsExactly(2, 3);
      assertThat(got[0].ttl()).isEqualTo(255);
      assertThat(got[0].from()).isEqualTo(out.localAddress());
      assertThat(got[0].to()).isEqualTo(to.address());
      assertThat(got[0].link()).isEqualTo(2);
      assertThat(in.receive()).isNull();
      readiness.remove(3);
      readiness.wake();
      readiness.await(30_000, token -> {});
    }
  }
}
