// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.dns.DnsServer;
import dev.fairway.dns.LocalAddresses;
import dev.fairway.net.IpAddress;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// How many packets it takes the C library of a pod, with the search path and the `ndots:5` that
/// pods have, to learn a name outside the cluster.
final class ExternalName {
  private static final String POD = "127.0.0.1";
  private static final String SERVER = "127.0.0.20";
  private static final String UPSTREAM = "127.0.0.21";
  private static final String ADDRESS = "192.0.2.80";
  private static final Pattern ASKED =
      Pattern.compile("^coredns_dns_requests_total\\{.*} (\\d+)$", Pattern.MULTILINE);

  private final Path directory;

  ExternalName(Path directory) {
    this.directory = directory;
  }

  List<Row> run() throws IOException, InterruptedException {
    // Without an address besides loopback's, the C library does not ask for IPv4 addresses.
    LocalAddresses.ensure(List.of(IpAddress.parse("10.200.0.2")));
    InetSocketAddress at = new InetSocketAddress(IpAddress.parse(UPSTREAM).toInetAddress(), 53);
    AtomicInteger upstream = new AtomicInteger();
    try (DatagramSocket socket = new DatagramSocket(at)) {
      Thread.ofPlatform().daemon().name("upstream").start(() -> serve(socket, upstream));
      double plain = asked(at, false);
      upstream.set(0);
      double ours = asked(at, true);
      return List.of(
          new Row(
              "questions of a pod for a name outside",
              ours,
              "packets",
              "without the shortcut",
              plain,
              ours / plain,
              1 / plain,
              Row.Better.SMALLER),
          Row.within("questions to its resolver for it", upstream.get(), "packets", 1));
    }
  }

  private double asked(InetSocketAddress upstream, boolean shortcut)
      throws IOException, InterruptedException {
    var config = NameServer.config(SERVER, List.of(upstream));
    if (shortcut) {
      config = config.withCluster(config.cluster().withSearchShortcut(List.of()));
    }
    try (DnsServer server = DnsServer.start(config)) {
      server.set(List.of(), List.of(), List.of(pod()));
      lookUp();
      int sum = 0;
      Matcher counts = ASKED.matcher(server.metrics());
      while (counts.find()) {
        sum += Integer.parseInt(counts.group(1));
      }
      return sum;
    }
  }

  private void lookUp() throws IOException, InterruptedException {
    Path resolvConf =
        Files.writeString(
            directory.resolve("resolv.conf"),
            "search bench.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
                + "nameserver "
                + SERVER
                + "\n");
    Process process =
        new ProcessBuilder(
                "unshare",
                "--mount",
                "sh",
                "-c",
                "mount --bind \"$0\" /etc/resolv.conf && exec getent -s dns ahostsv4 www.example.org",
                resolvConf.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0 || !said.contains(ADDRESS)) {
      throw new IOException("getent ahostsv4 www.example.org: " + said);
    }
  }

  private static Pod pod() {
    return new PodBuilder()
        .withNewMetadata()
        .withNamespace("bench")
        .withName("client")
        .endMetadata()
        .withNewSpec()
        .endSpec()
        .withNewStatus()
        .withPhase("Running")
        .addNewPodIP(POD)
        .endStatus()
        .build();
  }

  /// Answers each question with one address.
  private static void serve(DatagramSocket socket, AtomicInteger count) {
    byte[] buffer = new byte[512];
    byte[] record = {(byte) 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, (byte) 192, 0, 2, 80};
    while (true) {
      try {
        DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
        socket.receive(packet);
        count.incrementAndGet();
        int end = 12;
        while (buffer[end] != 0) {
          end += 1 + buffer[end];
        }
        end += 5;
        byte[] answer = Arrays.copyOf(buffer, end + record.length);
        System.arraycopy(record, 0, answer, end, record.length);
        answer[2] = (byte) 0x81;
        answer[3] = (byte) 0x80;
        answer[7] = 1;
        answer[11] = 0;
        socket.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
      } catch (SocketException e) {
        return; // closed
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
  }
}
