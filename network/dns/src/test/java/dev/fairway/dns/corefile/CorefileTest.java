// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns.corefile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.dns.DnsOverTls;
import dev.fairway.dns.Forwarding;
import dev.fairway.dns.PodNames;
import dev.fairway.dns.UpstreamTls;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CorefileTest {
  /// What kubeadm writes into the ConfigMap `coredns`.
  private static final String KUBEADM =
      """
      .:53 {
          errors
          health {
             lameduck 5s
          }
          ready
          kubernetes cluster.local in-addr.arpa ip6.arpa {
             pods insecure
             fallthrough in-addr.arpa ip6.arpa
             ttl 30
          }
          prometheus :9153
          forward . /etc/resolv.conf {
             max_concurrent 1000
          }
          cache 30 {
             disable success cluster.local
             disable denial cluster.local
          }
          loop
          reload
          loadbalance
      }
      """;

  private static Corefile parse(String text) {
    return Corefile.parse(
        "Corefile",
        text,
        path ->
            path.equals("/etc/resolv.conf")
                ? List.of("search a.svc.cluster.local corp.example", "nameserver 192.0.2.53")
                : List.of("192.0.2.7 printer.corp.example printer # by the door", ""));
  }

  @Test
  void kubeadmsFile() {
    Corefile corefile = parse(KUBEADM);
    assertThat(corefile.port()).isEqualTo(53);
    assertThat(corefile.cluster().domain()).isEqualTo("cluster.local");
    assertThat(corefile.cluster().podNames()).isEqualTo(PodNames.INSECURE);
    assertThat(corefile.cluster().ttl()).isEqualTo(Duration.ofSeconds(30));
    assertThat(corefile.cluster().fallthrough()).containsExactly("in-addr.arpa", "ip6.arpa");
    assertThat(corefile.needsPods()).isFalse();
    assertThat(corefile.forwarding().routes())
        .containsExactly(
            new Forwarding.Route(
                ".", List.of(new InetSocketAddress("192.0.2.53", 53)), Forwarding.Order.RANDOM));
    assertThat(corefile.forwarding().concurrent()).isEqualTo(1000);
    assertThat(corefile.caching().mostPositive()).isEqualTo(Duration.ofSeconds(30));
    assertThat(corefile.lameduck()).isEqualTo(Duration.ofSeconds(5));
    assertThat(corefile.health()).contains(new InetSocketAddress(8080));
    assertThat(corefile.ready()).contains(new InetSocketAddress(8181));
    assertThat(corefile.prometheus()).contains(new InetSocketAddress(9153));
    assertThat(corefile.reload()).contains(Duration.ofSeconds(30));
    assertThat(corefile.log()).isFalse();
  }

  @Test
  void stubDomainsHostsAndMore() {
    Corefile corefile =
        parse(
            """
            # two blocks, one port
            . {
                bind 10.0.0.1 fd00::1
                kubernetes cluster.local 10.32.0.0/16 {
                    pods verified
                    kubeconfig /etc/dns.kubeconfig
                }
                autopath @kubernetes
                hosts /etc/hosts.more {
                    192.0.2.8 scanner.corp.example
                    fallthrough
                }
                forward . 192.0.2.1 [2001:db8::1]:5353 {
                    policy sequential
                }
                cache {
                    success 5000 60
                    denial 2000 10
                    prefetch 10
                    serve_stale 2h verify
                }
                log
            }
            corp.example:53 {
                cache {
                    success 5000 60
                    denial 2000 10
                    prefetch 10
                    serve_stale 2h verify
                }
                forward . 192.0.2.2 {
                    policy round_robin
                }
            }
            """);
    assertThat(corefile.bind()).containsExactly("10.0.0.1", "fd00::1");
    assertThat(corefile.kubeconfig()).contains("/etc/dns.kubeconfig");
    assertThat(corefile.needsPods()).isTrue();
    assertThat(corefile.cluster().searchShortcut()).isTrue();
    assertThat(corefile.cluster().hostSearch()).containsExactly("corp.example");
    assertThat(corefile.hosts())
        .isEqualTo(
            Map.of(
                "printer.corp.example", List.of(IpAddress.parse("192.0.2.7")),
                "printer", List.of(IpAddress.parse("192.0.2.7")),
                "scanner.corp.example", List.of(IpAddress.parse("192.0.2.8"))));
    assertThat(corefile.forwarding().routes())
        .extracting(Forwarding.Route::zone, Forwarding.Route::order)
        .containsExactly(
            org.assertj.core.api.Assertions.tuple(".", Forwarding.Order.SEQUENTIAL),
            org.assertj.core.api.Assertions.tuple("corp.example", Forwarding.Order.ROUND_ROBIN));
    assertThat(corefile.forwarding().routes().getFirst().upstreams())
        .contains(new InetSocketAddress("2001:db8::1", 5353));
    assertThat(corefile.caching().mostNegative()).isEqualTo(Duration.ofSeconds(10));
    assertThat(corefile.caching().prefetchHits()).isEqualTo(10);
    assertThat(corefile.caching().stale()).isEqualTo(Duration.ofHours(2));
    assertThat(corefile.caching().staleFirst()).isFalse();
    assertThat(corefile.log()).isTrue();
  }

  @Test
  void tlsAndTransfers() {
    Corefile corefile =
        parse(
            """
            .:53 tls://.:8853 {
                tls /etc/dns.crt /etc/dns.key
                kubernetes cluster.local
                transfer {
                    to 192.0.2.9 2001:db8::9
                }
                forward . tls://192.0.2.1 tls://[2001:db8::1]:8853 {
                    tls_servername dns.example
                    tls /etc/authorities.pem
                }
            }
            """);
    assertThat(corefile.port()).isEqualTo(53);
    assertThat(corefile.overTls())
        .contains(new DnsOverTls(8853, Path.of("/etc/dns.crt"), Path.of("/etc/dns.key")));
    assertThat(corefile.transferTo())
        .containsExactly(Prefix.parse("192.0.2.9/32"), Prefix.parse("2001:db8::9/128"));
    assertThat(corefile.forwarding().routes())
        .containsExactly(
            new Forwarding.Route(
                ".",
                List.of(
                    new InetSocketAddress("192.0.2.1", 853),
                    new InetSocketAddress("2001:db8::1", 8853)),
                Forwarding.Order.RANDOM,
                Optional.of(
                    new UpstreamTls("dns.example", Optional.of(Path.of("/etc/authorities.pem"))))));
    assertThat(parse(". {\nkubernetes a\ntransfer a {\nto *\n}\n}\n").transferTo())
        .containsExactly(Prefix.parse("0.0.0.0/0"), Prefix.parse("::/0"));
  }

  /// `_` stands for a line's end.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          template ANY ANY                   | 2: 'template' is not understood; docs/recipes/dns.md lists what is
          forward .                          | 2: 'forward' wants a zone and resolvers: forward . /etc/resolv.conf
          forward . https://1.1.1.1          | 2: https://1.1.1.1: resolvers are asked over UDP, TCP and TLS only
          forward . tls://1.1.1.1 1.1.1.2    | 2: all resolvers of a 'forward' are asked over TLS, or none
          forward . 1.1.1.1 { _ tls_servername a _ } | 3: 'tls_servername' wants resolvers such as tls://192.0.2.53
          forward . tls://1.1.1.1 { _ tls a b _ } | 3: 'tls' takes a file of authorities or nothing; no client certificate
          tls a                              | 2: 'tls' wants the files of a certificate and of its key, in PEM form
          kubernetes a _ tls a b             | 3: 'tls' stands in a block with an address such as tls://.:853
          kubernetes a _ transfer { _ from b _ } | 4: 'transfer' wants: to * or addresses
          kubernetes a _ transfer b { _ to * _ } | 3: only the zone a can be transferred
          kubernetes a _ transfer { _ to b _ } | 4: b is no address
          forward . dns.example              | 2: dns.example is no address
          forward . 1.1.1.1 { _ expire 5s _ }| 3: 'expire' is not understood in forward
          forward . 1.1.1.1 { _ policy best _ } | 3: policy is random, round_robin or sequential
          forward . 1.1.1.1 _ forward . 1.1.1.2 | 3: the zone . is forwarded already
          kubernetes a.example b.example     | 2: one cluster domain is served, and a.example is the first
          kubernetes                         | 2: 'kubernetes' wants the cluster's domain, such as cluster.local
          kubernetes a { _ pods maybe _ }    | 3: pods is disabled, insecure or verified
          kubernetes a { _ ttl 99999 _ }     | 3: 99999 is no number from 0 to 3600
          kubernetes a { _ noendpoints _ }   | 3: 'noendpoints' is not understood in kubernetes
          kubernetes a _ kubernetes b        | 3: 'kubernetes' stands at line 2 already
          hosts { _ 192.0.2.1 a _ }          | 2: 'hosts' without 'fallthrough' would hide all other names; add it
          hosts { _ 192.0.2.300 a _ }        | 3: 192.0.2.300 is no address
          cache thirty                       | 2: thirty is no number from 1 to 2147483647
          cache { _ servfail 5s _ }          | 3: 'servfail' is not understood in cache
          reload soon                        | 2: soon is no duration such as 30s, 5m or 1h
          autopath /etc/resolv.conf          | 2: only 'autopath @kubernetes' is understood
          bind {$HOST}                       | 2: {$HOST}: variables of the environment are not filled in
          errors                             | 1: no block has 'kubernetes'; without a cluster this server is of no use
          kubernetes a { _                   | 1: the block of '.' has no '}'
          kubernetes a _ } _ tls://b {       | 4: tls:// stands beside a plain address in the same block: . tls://. {
          kubernetes a _ } _ grpc://b {      | 4: grpc://b: only dns:// and tls:// are served, no https, quic or grpc
          kubernetes a _ } _ b tls://b {     | 1: tls:// is served only with 'tls CERTIFICATE KEY'
          kubernetes a _ } _ b:54 {          | 4: b:54: all blocks must have one port, and the first has 53
          kubernetes a _ } _ }               | 4: there is no block for this '}' to end
          """)
  void whatIsNotUnderstoodIsNamed(String lines, String message) {
    boolean closed = !message.contains("has no '}'") && !message.contains("there is no block");
    String text =
        ". {\n" + lines.replace(" _ ", "\n").replace(" _", "\n") + (closed ? "\n}\n" : "\n");
    String whole = message.contains("no '}'") ? text + "}\n" : text;
    assertThatThrownBy(() -> parse(whole))
        .isInstanceOf(InvalidCorefile.class)
        .hasMessage("Corefile:" + message);
  }

  @Test
  void anythingElseIsRefusedToo() {
    List<String> words =
        List.of(
            ".",
            "{",
            "}",
            "\n",
            "\n",
            "\"",
            "kubernetes",
            "cluster.local",
            "cache",
            "-1",
            "..",
            "forward",
            "hosts",
            ":",
            "[",
            "]:",
            "#",
            "/x",
            "prometheus",
            "ready",
            "ttl",
            "a..b",
            "é");
    for (long seed = 1; seed <= 3000; seed++) {
      Random random = new Random(seed);
      StringBuilder text = new StringBuilder(". {\nkubernetes cluster.local\n");
      for (int i = random.nextInt(12); i >= 0; i--) {
        text.append(words.get(random.nextInt(words.size())));
        text.append(random.nextInt(4) == 0 ? "" : " ");
      }
      text.append("\n}\n");
      try {
        parse(text.toString()).config(List.of(new InetSocketAddress(5353)));
      } catch (InvalidCorefile e) {
        assertThat(e.getMessage()).as("seed " + seed).startsWith("Corefile:");
      }
    }
  }
}
