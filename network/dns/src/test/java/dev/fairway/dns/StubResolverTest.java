// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.net.BindException;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What programs in pods ask through: the C libraries' resolvers with a pod's resolv.conf.
class StubResolverTest {
  private static final Pattern ASKED =
      Pattern.compile("^coredns_dns_requests_total\\{.*} (\\d+)$", Pattern.MULTILINE);

  /// Those who made the two libraries' resolvers read RFCs differently.
  enum Library {
    GLIBC("/usr/bin/gcc", "gcc", 200),
    /// Before 1.2.4 it never comes back over TCP and makes do with what fits.
    MUSL("/usr/bin/musl-gcc", "musl-tools", 10);

    private final String compiler;
    private final String debianPackage;
    private final int leastOfMany;

    Library(String compiler, String debianPackage, int leastOfMany) {
      this.compiler = compiler;
      this.debianPackage = debianPackage;
      this.leastOfMany = leastOfMany;
    }
  }

  @TempDir Path directory;
  private final String address = Asking.ownAddress();
  private DnsServer upstream;
  private DnsServer server;

  @BeforeEach
  void start() throws Exception {
    // resolv.conf knows no ports.
    try (DatagramSocket _ = new DatagramSocket(new InetSocketAddress(address, 53))) {
      assertThat(directory).isEmptyDirectory();
    } catch (BindException e) {
      assumeTrue(false, "a DNS server listens at port 53 of all of this machine's addresses");
    }
    upstream = DnsServer.start(Cluster.config("example.test", List.of()));
    upstream.set(List.of(Cluster.clusterIp("default", "www", "10.32.1.80")), List.of(), List.of());
    DnsConfig config =
        DnsConfig.of(
            List.of(new InetSocketAddress(address, 53)),
            "cluster.local",
            List.of(Cluster.SERVICES, Cluster.SERVICES6),
            List.of(Cluster.PODS, Cluster.PODS6),
            upstream.addresses());
    server = DnsServer.start(config.withCluster(config.cluster().withSearchShortcut(List.of())));
    // Loopback's own address is the client's here.
    server.set(
        Cluster.services(),
        Cluster.slices(),
        List.of(Cluster.pod("default", "client", "127.0.0.1")));
    Files.writeString(
        directory.resolve("resolv.conf"),
        """
        search default.svc.cluster.local svc.cluster.local cluster.local
        nameserver %s
        options ndots:5
        """
            .formatted(address));
  }

  @AfterEach
  void stop() {
    server.close();
    upstream.close();
  }

  @ParameterizedTest
  @EnumSource
  void findsWhatItShould(Library library) throws Exception {
    assumeTrue(
        Files.isExecutable(Path.of(library.compiler)),
        library.compiler + " (Debian package " + library.debianPackage + ") is not here");
    Path source = Path.of("src/test/c/look-up.c").toAbsolutePath();
    Path program = directory.resolve("look-up");
    String said = Asking.run(library.compiler, "-O1", "-o", program.toString(), source.toString());
    assertThat(program).as(said).exists();

    assertThat(inPod(program, "web")).containsExactlyInAnyOrder("10.32.7.8", "fd00:32::7");
    assertThat(inPod(program, "web.default")).contains("10.32.7.8");
    assertThat(inPod(program, "web.default.svc.cluster.local.")).contains("10.32.7.8");
    assertThat(inPod(program, "pg.db")).containsExactlyInAnyOrder("10.200.0.5", "10.200.1.6");
    assertThat(inPod(program, "pg-0.pg.db")).containsExactly("10.200.0.5");
    assertThat(inPod(program, "inside")).contains("10.32.7.8");
    assertThat(inPod(program, "many.db")).hasSizeGreaterThanOrEqualTo(library.leastOfMany);
    assertThat(inPod(program, "nobody")).noneMatch(line -> line.matches("[0-9.]+|[0-9a-f:]+"));
    int before = questions();
    assertThat(inPod(program, "www.default.svc.example.test")).containsExactly("10.32.1.80");
    // One for each family, and none for the rest of the search path.
    assertThat(questions() - before).isEqualTo(2);
  }

  @Test
  void getentFindsIt() throws Exception {
    assertThat(inPod(Path.of("getent"), "hosts", "web"))
        .singleElement()
        .asString()
        .contains("web.default.svc");
    assertThat(inPod(Path.of("getent"), "hosts", "10.32.7.8"))
        .singleElement()
        .asString()
        .contains("web.default.svc.cluster.local");
  }

  private int questions() {
    int sum = 0;
    Matcher counts = ASKED.matcher(server.metrics());
    while (counts.find()) {
      sum += Integer.parseInt(counts.group(1));
    }
    return sum;
  }

  private List<String> inPod(Path program, String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.addAll(List.of("unshare", "--mount", "sh", "-c"));
    command.add("mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"");
    command.add(directory.resolve("resolv.conf").toString());
    command.add(program.toString());
    command.addAll(List.of(arguments));
    return Asking.run(command.toArray(String[]::new)).lines().toList();
  }
}
