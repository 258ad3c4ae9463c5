// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The Kubernetes DNS specification as a table.
class ClusterNamesTest {
  private static final InetAddress POD = IpAddress.parse("10.200.0.5").toInetAddress();
  private static final InetAddress STRANGER = IpAddress.parse("10.240.0.1").toInetAddress();
  private final ClientPods clients = new ClientPods();
  private ClusterNames names;
  private ZoneFollower follower;

  ClusterNamesTest() {
    configure(ClusterZone.of("cluster.local", usual().servicePrefixes(), usual().podPrefixes()));
  }

  private static ClusterZone usual() {
    return Cluster.config("cluster.local", List.of()).cluster();
  }

  private void configure(ClusterZone zone) {
    DnsConfig config = Cluster.config("cluster.local", List.of()).withCluster(zone);
    names = new ClusterNames(config, clients);
    follower =
        new ZoneFollower(names.services(), 5, names.fixed(IpAddress.parse("10.32.0.10")), clients);
    follower.changed(true, Cluster.added(Cluster.services()), Cluster.added(Cluster.slices()));
    follower.changedPods(true, Cluster.added(List.of(Cluster.pod("db", "pg-0", "10.200.0.5"))));
  }

  static Query query(String name, int type) {
    return new Query(0, 0x0100, Name.parse(name), type, 1, new byte[0], null);
  }

  static String text(ResourceRecord record) {
    String data =
        switch (record.data()) {
          case Rdata.Address(var address) -> address.toString();
          case Rdata.Target target -> target.name().toString();
          case Rdata.Srv srv ->
              srv.priority() + " " + srv.weight() + " " + srv.port() + " " + srv.target();
          case Rdata.Soa soa -> "soa";
          case Rdata.MailExchange mail -> mail.toString();
          case Rdata.Opaque opaque ->
              new String(opaque.octets(), 1, opaque.octets().length - 1, StandardCharsets.US_ASCII);
        };
    return data;
  }

  private String resolve(String name, String type) {
    return resolve(name, type, STRANGER);
  }

  private String resolve(String name, String type, InetAddress client) {
    ClusterNames.Outcome outcome =
        names.resolve(follower.zone(), query(name, org.xbill.DNS.Type.value(type)), client);
    return switch (outcome) {
      case ClusterNames.Outcome.Elsewhere elsewhere -> "elsewhere " + elsewhere.name();
      case ClusterNames.Outcome.Answered(Reply reply) -> {
        String code = org.xbill.DNS.Rcode.string(reply.responseCode());
        if (reply.answers().isEmpty()) {
          boolean soa = reply.authorities().stream().anyMatch(r -> r.type() == RecordType.SOA);
          yield code + (soa ? " " + reply.authorities().getFirst().name() : "");
        }
        yield reply.answers().stream()
            .map(ClusterNamesTest::text)
            .sorted()
            .collect(Collectors.joining(", "));
      }
    };
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          # the zone itself
          cluster.local                                | SOA   | soa
          cluster.local                                | NS    | ns.dns.cluster.local.
          ns.dns.cluster.local                         | A     | 10.32.0.10
          dns-version.cluster.local                    | TXT   | 1.1.0
          cluster.local                                | A     | NOERROR cluster.local.
          svc.cluster.local                            | A     | NOERROR cluster.local.
          default.svc.cluster.local                    | A     | NOERROR cluster.local.
          nowhere.svc.cluster.local                    | A     | NXDOMAIN cluster.local.
          # cluster IPs
          web.default.svc.cluster.local                | A     | 10.32.7.8
          WEB.Default.svc.CLUSTER.local                | A     | 10.32.7.8
          web.default.svc.cluster.local                | AAAA  | fd00:32::7
          kubernetes.default.svc.cluster.local         | AAAA  | NOERROR cluster.local.
          web.default.svc.cluster.local                | MX    | NOERROR cluster.local.
          none.default.svc.cluster.local               | A     | NXDOMAIN cluster.local.
          x.web.default.svc.cluster.local              | A     | NXDOMAIN cluster.local.
          _http._tcp.web.default.svc.cluster.local     | SRV   | 0 100 80 web.default.svc.cluster.local.
          _quic._udp.web.default.svc.cluster.local     | SRV   | 0 100 443 web.default.svc.cluster.local.
          _http._udp.web.default.svc.cluster.local     | SRV   | NXDOMAIN cluster.local.
          _tcp.web.default.svc.cluster.local           | SRV   | NOERROR cluster.local.
          8.7.32.10.in-addr.arpa                       | PTR   | web.default.svc.cluster.local.
          9.7.32.10.in-addr.arpa                       | PTR   | NXDOMAIN 32.10.in-addr.arpa.
          7.32.10.in-addr.arpa                         | PTR   | NOERROR 32.10.in-addr.arpa.
          32.10.in-addr.arpa                           | SOA   | NOERROR 32.10.in-addr.arpa.
          7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.3.0.0.0.0.d.f.ip6.arpa | PTR | web.default.svc.cluster.local.
          # headless: ready endpoints only
          pg.db.svc.cluster.local                      | A     | 10.200.0.5, 10.200.1.6
          pg-0.pg.db.svc.cluster.local                 | A     | 10.200.0.5
          10-200-1-6.pg.db.svc.cluster.local           | A     | 10.200.1.6
          pg-2.pg.db.svc.cluster.local                 | A     | NXDOMAIN cluster.local.
          _http._tcp.pg.db.svc.cluster.local           | SRV   | 0 100 8080 10-200-1-6.pg.db.svc.cluster.local., 0 100 8080 pg-0.pg.db.svc.cluster.local.
          5.0.200.10.in-addr.arpa                      | PTR   | pg-0.pg.db.svc.cluster.local.
          pg.db.svc.cluster.local                      | AAAA  | NOERROR cluster.local.
          empty.db.svc.cluster.local                   | A     | NXDOMAIN cluster.local.
          _http._tcp.empty.db.svc.cluster.local        | SRV   | NXDOMAIN cluster.local.
          db.svc.cluster.local                         | A     | NOERROR cluster.local.
          6.1.200.10.in-addr.arpa                      | PTR   | 10-200-1-6.pg.db.svc.cluster.local.
          7.1.200.10.in-addr.arpa                      | PTR   | NXDOMAIN 200.10.in-addr.arpa.
          # two addresses of one hostname, in both families
          twin.six.db.svc.cluster.local                | A     | 10.200.3.1, 10.200.3.2
          twin.six.db.svc.cluster.local                | AAAA  | fd00:200::31
          six.db.svc.cluster.local                     | AAAA  | fd00:200::31, fd00:200::32
          fd00-200--32.six.db.svc.cluster.local        | AAAA  | fd00:200::32
          _http._tcp.six.db.svc.cluster.local          | SRV   | 0 100 8080 fd00-200--32.six.db.svc.cluster.local., 0 100 8080 twin.six.db.svc.cluster.local.
          # not ready, and published all the same
          early.db.svc.cluster.local                   | A     | 10.200.4.1
          early-0.early.db.svc.cluster.local           | A     | 10.200.4.1
          _http._tcp.early.db.svc.cluster.local        | SRV   | 0 100 8080 early-0.early.db.svc.cluster.local.
          # ports without a name have no SRV record
          plain.default.svc.cluster.local              | A     | 10.32.9.9
          _tcp.plain.default.svc.cluster.local         | SRV   | NXDOMAIN cluster.local.
          # endpoints that would lead to the asker itself
          trap.db.svc.cluster.local                    | A     | NXDOMAIN cluster.local.
          # aliases
          outside.default.svc.cluster.local            | CNAME | www.example.test.
          outside.default.svc.cluster.local            | A     | elsewhere www.example.test.
          inside.default.svc.cluster.local             | A     | 10.32.7.8, web.default.svc.cluster.local.
          # pods
          10-200-3-4.default.pod.cluster.local         | A     | 10.200.3.4
          10-200-3-4.default.pod.cluster.local         | AAAA  | NOERROR cluster.local.
          fd00-200--5.default.pod.cluster.local        | AAAA  | fd00:200::5
          10-9-3-4.default.pod.cluster.local           | A     | NXDOMAIN cluster.local.
          a.10-200-3-4.default.pod.cluster.local       | A     | NXDOMAIN cluster.local.
          default.pod.cluster.local                    | A     | NOERROR cluster.local.
          # search path misses end here, others go on
          example.org.default.svc.cluster.local        | A     | NXDOMAIN cluster.local.
          example.org.cluster.local                    | A     | NXDOMAIN cluster.local.
          example.org                                  | A     | elsewhere example.org.
          local                                        | A     | elsewhere local.
          1.1.1.1.in-addr.arpa                         | PTR   | elsewhere 1.1.1.1.in-addr.arpa.
          cluster.local                                | AXFR  | REFUSED
          """)
  void answers(String name, String type, String expected) {
    assertThat(resolve(name, type)).isEqualTo(expected);
  }

  @Test
  void endpointsOfBothFamiliesHaveReverseNames() {
    assertThat(resolve(ReverseName.of(IpAddress.parse("fd00:200::31")).toString(), "PTR"))
        .isEqualTo("twin.six.db.svc.cluster.local.");
  }

  /// What a pod's resolver with ndots:5 asks first for a name outside.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          www.example.org.db.svc.cluster.local   | A    | elsewhere www.example.org.
          www.example.org.db.svc.cluster.local   | AAAA | elsewhere www.example.org.
          www.example.org.db.svc.cluster.local   | SRV  | NXDOMAIN cluster.local.
          # a Service of another namespace, and the Service's whole name
          web.default.db.svc.cluster.local       | A    | 10.32.7.8, web.default.svc.cluster.local.
          web.default.svc.db.svc.cluster.local   | A    | 10.32.7.8, web.default.svc.cluster.local.
          # its own, and what only the first name of the path may start
          pg.db.svc.cluster.local                | A    | 10.200.0.5, 10.200.1.6
          www.example.org.svc.cluster.local      | A    | NXDOMAIN cluster.local.
          www.example.org.default.svc.cluster.local | A | NXDOMAIN cluster.local.
          """)
  void theSearchPathIsWalkedForAPod(String name, String type, String expected) {
    configure(usual().withSearchShortcut(List.of()));
    assertThat(resolve(name, type, POD)).isEqualTo(expected);
    if (!name.startsWith("pg.")) {
      assertThat(resolve(name, type, STRANGER)).isEqualTo("NXDOMAIN cluster.local.");
    }
  }

  @Test
  void theHostsOwnDomainComesBeforeTheBareName() {
    configure(usual().withSearchShortcut(List.of("corp.example")));
    assertThat(resolve("www.db.svc.cluster.local", "A", POD))
        .isEqualTo("elsewhere www.corp.example.");
  }

  private static ClusterZone zone(PodNames podNames, List<String> fallthrough) {
    ClusterZone usual = usual();
    return new ClusterZone(
        usual.domain(),
        usual.servicePrefixes(),
        usual.podPrefixes(),
        podNames,
        usual.ttl(),
        fallthrough,
        false,
        List.of());
  }

  @Test
  void podNamesCanBeVerifiedOrOff() {
    configure(zone(PodNames.VERIFIED, List.of()));
    assertThat(resolve("10-200-0-5.db.pod.cluster.local", "A")).isEqualTo("10.200.0.5");
    assertThat(resolve("10-200-0-5.default.pod.cluster.local", "A")).startsWith("NXDOMAIN");
    assertThat(resolve("10-200-0-6.db.pod.cluster.local", "A")).startsWith("NXDOMAIN");
    configure(zone(PodNames.DISABLED, List.of()));
    assertThat(resolve("10-200-0-5.db.pod.cluster.local", "A")).startsWith("NXDOMAIN");
  }

  @Test
  void unknownNamesOfAFallthroughZoneGoOn() {
    configure(zone(PodNames.INSECURE, List.of("in-addr.arpa")));
    assertThat(resolve("8.7.32.10.in-addr.arpa", "PTR"))
        .isEqualTo("web.default.svc.cluster.local.");
    assertThat(resolve("9.7.32.10.in-addr.arpa", "PTR"))
        .isEqualTo("elsewhere 9.7.32.10.in-addr.arpa.");
    assertThat(resolve("none.default.svc.cluster.local", "A")).startsWith("NXDOMAIN");
  }

  @Test
  void anAliasLoopEnds() {
    assertThat(resolve("loop.default.svc.cluster.local", "A"))
        .startsWith("loop.default.svc.cluster.local., loop.");
  }

  @Test
  void beforeTheClusterIsKnownNobodyIsDenied() {
    ClusterNames.Outcome outcome =
        names.resolve(null, query("web.default.svc.cluster.local", RecordType.A), STRANGER);
    assertThat(outcome)
        .isEqualTo(new ClusterNames.Outcome.Answered(Reply.error(ResponseCode.SERVER_FAILURE)));
  }

  @Test
  void eachAskerStartsAtAnotherAddress() {
    Name name = Name.parse("pg.db.svc.cluster.local");
    List<String> firsts =
        Stream.of(0, 1)
            .map(id -> new Query(id, 0, name, RecordType.A, 1, new byte[0], null))
            .map(query -> names.resolve(follower.zone(), query, STRANGER))
            .map(outcome -> ((ClusterNames.Outcome.Answered) outcome).reply())
            .map(reply -> text(reply.answers().getFirst()))
            .toList();
    assertThat(firsts).doesNotHaveDuplicates();
  }
}
