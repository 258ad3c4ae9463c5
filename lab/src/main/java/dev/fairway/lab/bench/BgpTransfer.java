// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import dev.fairway.bgp.Advertisement;
import dev.fairway.bgp.BgpSettings;
import dev.fairway.bgp.BgpSpeaker;
import dev.fairway.bgp.PeerProfile;
import dev.fairway.bgp.PeerSettings;
import dev.fairway.bgp.RoutesDelta;
import dev.fairway.bgp.TcpTransport;
import dev.fairway.bgp.policy.Policy;
import dev.fairway.linux.LinkAddress;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest.AddBridge;
import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.ChangeLink;
import dev.fairway.linux.RouteRequest.PutAddress;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.TransportAddress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/// How long 100,000 routes take from one BIRD to us, and to another BIRD, in turn; and from us to
/// BIRD. Sessions are up before; the clock runs from the order to tell the routes until the
/// receiver has the last one.
final class BgpTransfer {
  private static final int ROUTES = 100_000;
  private static final double LIMIT_MILLIS = 3000;
  private static final int BRIDGE = 1000;
  private static final IpAddress OURS = IpAddress.parse("10.99.0.1");
  private static final IpAddress SENDER = IpAddress.parse("10.99.0.2");

  List<Row> run(boolean quick) throws Exception {
    Bench.refuseHostNamespace();
    int rounds = quick ? 3 : 9;
    Path directory = Files.createTempDirectory("fairway-bgp-bench");
    List<Bird> birds = new ArrayList<>();
    AtomicInteger received = new AtomicInteger();
    try (RouteNetlink links = RouteNetlink.open()) {
      links.apply(
          ChangeLink.of("lo").setUp(),
          new AddBridge(LinkSpec.named("br0").withIndex(BRIDGE).withUp()),
          new PutAddress(LinkAddress.of(BRIDGE, OURS, 24)));
      birds.add(new Bird(links, directory, 2, routes() + peers(2, 1, 3)));
      birds.add(new Bird(links, directory, 3, peers(3, 2)));
      try (BgpSpeaker speaker =
          BgpSpeaker.start(TcpTransport.here(), delta -> count(delta, received))) {
        return measure(rounds, speaker, birds.get(0), birds.get(1), received);
      }
    } finally {
      birds.forEach(Bird::close);
      try (Stream<Path> all = Files.walk(directory)) {
        for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(path);
        }
      }
    }
  }

  private static List<Row> measure(
      int rounds, BgpSpeaker speaker, Bird sender, Bird receiver, AtomicInteger received)
      throws Exception {
    speaker.set(settings(List.of()));
    waitFor(() -> speaker.peers().getFirst().established());
    waitFor(() -> receiver.ask("show", "protocols").contains("Established"));
    Prefix own = Prefix.parse("30.0.0.0/8");
    List<Advertisement> advertisements = new ArrayList<>(ROUTES);
    for (int i = 0; i < ROUTES; i++) {
      advertisements.add(Advertisement.of(own.subnet(26, i)));
    }
    Samples ours = new Samples();
    Samples birds = new Samples();
    Samples told = new Samples();
    for (int round = -1; round < rounds; round++) {
      // Only one receiver listens at a time, so the sender has the same work for either.
      receiver.ask("disable", "peer2");
      final double toUs = millis(sender, "enable", () -> received.get() == ROUTES);
      sender.ask("disable", "s4");
      waitFor(() -> received.get() == 0);

      final double fromUs =
          millis(
              () -> speaker.set(settings(advertisements)), () -> sender.routes("peer1") == ROUTES);
      speaker.set(settings(List.of()));
      waitFor(() -> sender.routes("peer1") == 0);

      sender.ask("disable", "peer1");
      receiver.ask("enable", "peer2");
      waitFor(() -> receiver.ask("show", "protocols").contains("Established"));
      final double toBird = millis(sender, "enable", () -> receiver.routes("peer2") == ROUTES);
      sender.ask("disable", "s4");
      waitFor(() -> receiver.routes("peer2") == 0);
      sender.ask("enable", "peer1");
      waitFor(() -> speaker.peers().getFirst().established());
      if (round >= 0) {
        ours.add(toUs);
        told.add(fromUs);
        birds.add(toBird);
      }
    }
    return List.of(
        Row.fasterBy(
            "100,000 routes from BIRD until all are known",
            ours.median(),
            "ms",
            "BIRD from BIRD",
            birds.median(),
            0.5),
        Row.within("the same, beside the limit", ours.median(), "ms", LIMIT_MILLIS),
        Row.fasterBy(
            "100,000 routes to BIRD until all are known there",
            told.median(),
            "ms",
            "BIRD from BIRD",
            birds.median(),
            0.5));
  }

  private static void count(RoutesDelta delta, AtomicInteger received) {
    if (delta.full()) {
      received.set(0);
    }
    // A route is told once here, as nothing changes but from none to all and back.
    received.addAndGet(delta.best().size() - delta.gone().size());
  }

  private static BgpSettings settings(List<Advertisement> advertisements) {
    return BgpSettings.of(65001, OURS)
        .withListen(new TransportAddress(OURS, 179))
        .withAdvertisements(advertisements)
        .withPeers(
            new PeerSettings(
                SENDER,
                PeerProfile.of(65002)
                    .withFamilies(Set.of(IpFamily.IPV4))
                    .withConnectRetry(Duration.ofMillis(200))
                    .withImport(Policy.ACCEPT_ALL)
                    .withExport(Policy.ACCEPT_ALL)));
  }

  private interface Step {
    void run() throws Exception;
  }

  private static double millis(Bird bird, String order, Callable<Boolean> done) throws Exception {
    return millis(() -> bird.ask(order, "s4"), done);
  }

  private static double millis(Step step, Callable<Boolean> done) throws Exception {
    long from = System.nanoTime();
    step.run();
    waitFor(done);
    return (System.nanoTime() - from) / 1e6;
  }

  private static void waitFor(Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!condition.call()) {
      if (System.nanoTime() > end) {
        throw new IOException("a peer did not get there within a minute");
      }
      LockSupport.parkNanos(1_000_000);
    }
  }

  private static String routes() {
    StringBuilder config = new StringBuilder("protocol static s4 {\n disabled;\n ipv4;\n");
    Prefix from = Prefix.parse("20.0.0.0/8");
    for (int i = 0; i < ROUTES; i++) {
      config.append("route ").append(from.subnet(26, i)).append(" blackhole;\n");
    }
    return config.append("}\n").toString();
  }

  private static String peers(int number, int... others) {
    StringBuilder config = new StringBuilder();
    for (int other : others) {
      config.append(
          """
          protocol bgp peer%2$d {
            local 10.99.0.%1$d as 6500%1$d; neighbor 10.99.0.%2$d as 6500%2$d;
            connect delay time 1; connect retry time 1; error wait time 1,2;
            ipv4 { import all; export where source = RTS_STATIC; };
          }
          """
              .formatted(number, other));
    }
    return config.toString();
  }

  /// A BIRD in a namespace of its own, on the bridge.
  private static final class Bird implements AutoCloseable {
    private final NetworkNamespace router = NetworkNamespace.createAnonymous();
    private final Path control;
    private final Process process;

    Bird(RouteNetlink links, Path directory, int number, String config) throws Exception {
      try (RouteNetlink inside = RouteNetlink.open(router);
          NetworkNamespace here = NetworkNamespace.current()) {
        inside.apply(
            ChangeLink.of(1).setUp(),
            new AddVeth(
                LinkSpec.named("eth0").withIndex(10).withUp(),
                LinkSpec.named("port" + number).withIndex(BRIDGE + number).in(here)),
            new PutAddress(LinkAddress.of(10, IpAddress.parse("10.99.0." + number), 24)));
      }
      links.apply(ChangeLink.of(BRIDGE + number).withMaster(BRIDGE).setUp());
      control = directory.resolve("bird" + number + ".ctl");
      Path file =
          Files.writeString(
              directory.resolve("bird" + number + ".conf"),
              "router id 10.99.0." + number + ";\nprotocol device { }\n" + config);
      process =
          router.start(
              new ProcessBuilder(
                      "/usr/sbin/bird", "-f", "-c", file.toString(), "-s", control.toString())
                  .redirectErrorStream(true)
                  .redirectOutput(directory.resolve("bird" + number + ".log").toFile()));
      waitFor(() -> ask("show", "status").contains("Daemon is up"));
    }

    String ask(String... words) throws Exception {
      List<String> command = new ArrayList<>(List.of("/usr/sbin/birdc", "-s", control.toString()));
      command.addAll(List.of(words));
      Process asked = router.start(new ProcessBuilder(command).redirectErrorStream(true));
      String said = new String(asked.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      asked.waitFor();
      return said;
    }

    /// How many routes a neighbour told it; a cheap question, so that asking does not disturb.
    int routes(String peer) throws Exception {
      for (String line : ask("show", "protocols", "all", peer).split("\n")) {
        String[] words = line.strip().split("[ ]+");
        if (words.length >= 3 && words[0].equals("Routes:")) {
          return Integer.parseInt(words[1]);
        }
      }
      return 0;
    }

    @Override
    public void close() {
      process.destroyForcibly();
      router.close();
    }
  }
}
