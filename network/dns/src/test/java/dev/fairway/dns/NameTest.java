// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NameTest {
  @Test
  void ignoresCaseButKeepsIt() {
    Name mixed = Name.parse("Web.Default.SVC.cluster.local.");
    assertThat(mixed).isEqualTo(Name.parse("web.default.svc.cluster.local"));
    assertThat(mixed.hashCode()).isEqualTo(Name.parse("WEB.default.svc.cluster.local").hashCode());
    assertThat(mixed).hasToString("Web.Default.SVC.cluster.local.");
    assertThat(mixed.label(2)).isEqualTo("svc");
  }

  @Test
  void knowsWhatItIsWithin() {
    Name domain = Name.parse("cluster.local");
    assertThat(Name.parse("a.Cluster.Local").isWithin(domain)).isTrue();
    assertThat(domain.isWithin(domain)).isTrue();
    assertThat(Name.parse("xcluster.local").isWithin(domain)).isFalse();
    assertThat(Name.parse("local").isWithin(domain)).isFalse();
    assertThat(domain.isWithin(Name.ROOT)).isTrue();
    assertThat(Name.parse("a.b").parent()).isEqualTo(Name.parse("b"));
    assertThat(Name.ROOT.parent()).isNull();
  }

  @ParameterizedTest
  @ValueSource(strings = {"a..b", ".a", "a.b..", ".."})
  void refusesEmptyLabels(String text) {
    assertThatThrownBy(() -> Name.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void refusesWhatIsTooLong() {
    assertThatThrownBy(() -> Name.parse("a".repeat(64)))
        .isInstanceOf(IllegalArgumentException.class);
    String label = "a".repeat(49) + ".";
    assertThat(Name.parse(label.repeat(5)).wire()).hasSize(251);
    assertThatThrownBy(() -> Name.parse("aaaa." + label.repeat(5)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("too long");
  }

  @ParameterizedTest
  @CsvSource({
    "10.200.1.5/32, 5.1.200.10.in-addr.arpa.",
    "10.200.0.0/16, 200.10.in-addr.arpa.",
    "10.0.0.0/8, 10.in-addr.arpa.",
    "fd00:32::7/128, 7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.3.0.0.0.0.d.f.ip6.arpa.",
    "fd00:32::/32, 2.3.0.0.0.0.d.f.ip6.arpa.",
  })
  void reverseNamesGoBothWays(String text, String name) {
    Prefix prefix = Prefix.parse(text);
    assertThat(ReverseName.of(prefix)).hasToString(name);
    assertThat(ReverseName.prefix(Name.parse(name))).isEqualTo(prefix);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "256.in-addr.arpa",
        "01.in-addr.arpa",
        "x.in-addr.arpa",
        "1.2.3.4.5.in-addr.arpa",
        "g.ip6.arpa",
        "10.ip6.arpa",
        "arpa",
        "example.org"
      })
  void whatIsNoReverseName(String name) {
    assertThat(ReverseName.prefix(Name.parse(name))).isNull();
  }

  @Test
  void reverseZonesEndAtLabels() {
    Prefix asked = IpAddress.parse("10.33.4.5").toPrefix();
    assertThat(ReverseName.apex(Prefix.parse("10.32.0.0/12"), asked))
        .hasToString("33.10.in-addr.arpa.");
  }
}
