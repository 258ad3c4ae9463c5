// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class PodNetworkSettingsTest {
  private static final String HEAD =
      "apiVersion: podnet.fairway.dev/v1\nkind: PodNetworkConfiguration\n";
  private static final String LEAST = HEAD + "podRanges: [10.200.0.0/16]\n";

  static final String FULL =
      HEAD
          + """
          podRanges: [10.200.0.0/16, "fd00:10:200::/48"]
          backend: vxlan
          perSubnet:
          - {nodes: 10.240.0.0/24, backend: routes}
          - {nodes: own, backend: bgp}
          vxlan: {vni: 7, port: 4789, macPrefix: "0e:2a"}
          mtu: 1400
          masquerade: {enabled: true, except: [192.0.2.0/24]}
          fastPath: "off"
          antiSpoofing: false
          multicast: true
          bgp:
            as: 65001
            routeReflectors: [worker-0]
            holdTimeSeconds: 9
            bfd: {intervalMillis: 50, multiplier: 4}
            peers:
            - {name: tor, address: 10.240.0.1, as: 65002, passwordSecret: tor, bfd: true, communities: ["65001:7"], reject: [0.0.0.0/0]}
            advertise: [10.32.0.0/16]
          wireguard: {port: 51821, persistentKeepaliveSeconds: 25, driver: kernel}
          """;

  @Test
  void theLeastIsARange() {
    assertThat(PodNetworkSettings.parse(LEAST))
        .isEqualTo(
            PodNetworkSettings.of(BackendKind.VXLAN, List.of(Prefix.parse("10.200.0.0/16"))));
  }

  @Test
  void everyFieldIsRead() {
    PodNetworkSettings read = PodNetworkSettings.parse(FULL);
    assertThat(read.podRanges()).hasSize(2);
    assertThat(read.perSubnet())
        .containsExactly(
            new SubnetBackend(Optional.of(Prefix.parse("10.240.0.0/24")), BackendKind.ROUTES),
            new SubnetBackend(Optional.empty(), BackendKind.BGP));
    assertThat(read.vxlan()).isEqualTo(new VxlanSettings(7, 4789, 0x0e2a));
    assertThat(read.mtu()).hasValue(1400);
    assertThat(read.masquerade().except()).containsExactly(Prefix.parse("192.0.2.0/24"));
    assertThat(read.fastPath()).isFalse();
    assertThat(read.antiSpoofing()).isFalse();
    assertThat(read.multicast()).isTrue();
    assertThat(read.bgp().mesh()).isFalse();
    assertThat(read.bgp().holdTime()).isEqualTo(Duration.ofSeconds(9));
    assertThat(read.bgp().bfd()).contains(new BgpSettings.Bfd(Duration.ofMillis(50), 4));
    assertThat(read.bgp().peers().getFirst().address()).isEqualTo(IpAddress.parse("10.240.0.1"));
    assertThat(read.wireguard())
        .isEqualTo(
            new WireGuardSettings(51821, Duration.ofSeconds(25), WireGuardSettings.Driver.KERNEL));
    assertThat(read.backends())
        .containsExactly(BackendKind.VXLAN, BackendKind.ROUTES, BackendKind.BGP);
  }

  @Test
  void aPairOfNodesOfOneSubnetIsCoveredWhoeverLooks() {
    SubnetBackend subnet =
        new SubnetBackend(Optional.of(Prefix.parse("10.1.0.0/24")), BackendKind.ROUTES);
    IpAddress a = IpAddress.parse("10.1.0.1");
    IpAddress b = IpAddress.parse("10.1.0.2");
    IpAddress c = IpAddress.parse("10.2.0.2");
    Prefix own = Prefix.parse("10.0.0.0/8");
    assertThat(subnet.covers(a, b, own)).isTrue();
    assertThat(subnet.covers(b, a, own)).isTrue();
    assertThat(subnet.covers(a, c, own)).isFalse();
    assertThat(subnet.covers(c, a, own)).isFalse();
  }

  @Test
  void thePagesExamplesAreGoodAndItsTableHasEveryField() throws IOException {
    Path root = Path.of("").toAbsolutePath();
    while (!Files.exists(root.resolve("docs/recipes/settings.md"))) {
      root = root.getParent();
    }
    String page = Files.readString(root.resolve("docs/recipes/settings.md"));
    Matcher examples = Pattern.compile("(?s)```(?:yaml|json)\n(.*?)```").matcher(page);
    int found = 0;
    while (examples.find()) {
      assertThat(PodNetworkSettings.parse(examples.group(1)).backends()).isNotEmpty();
      found++;
    }
    assertThat(found).isEqualTo(4);
    for (var field : PodNetworkSettings.class.getRecordComponents()) {
      assertThat(page).contains("`" + field.getName());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "backend: ipip                         | backend must be vxlan, routes, bgp or wireguard",
        "backends: vxlan                       | backends is not a field that is known here",
        "podRanges: 10.0.0.0/8                 | podRanges must be a list",
        "podRanges: []                         | podRanges must hold 1 to",
        "podRanges: [10.200.0.0/33]            | podRanges[0]: \"10.200.0.0/33\" is not a prefix",
        "podRanges: [10.200.1.0/16]            | did you mean 10.200.0.0/16?",
        "podRanges: [10.0.0.0/8, 10.1.0.0/16]  | podRanges[1] 10.1.0.0/16 overlaps 10.0.0.0/8",
        "serviceRanges: [10.200.9.0/24]        | serviceRanges[0] 10.200.9.0/24 overlaps podRanges[0]",
        "podRanges: [224.0.0.0/8]              | podRanges[0] 224.0.0.0/8 cannot be pods' addresses",
        "vxlan: {vni: 0}                       | vxlan.vni must be from 1 to 16777215",
        "vxlan: {vni: 99999999999}             | vxlan.vni must be a smaller number",
        "vxlan: {mac: 1}                       | vxlan.mac is not a field",
        "vxlan: {macPrefix: \"01:00\"}         | vxlan.macPrefix must be two octets of an address of one",
        "mtu: 100                              | mtu must be auto or from 576 to 65535",
        "mtu: big                              | mtu must be a whole number",
        "masquerade: maybe                     | masquerade must be a map",
        "masquerade: {except: [x]}             | masquerade.except[0]: \"x\" is not a prefix",
        "fastPath: fast                        | fastPath must be auto or off",
        "antiSpoofing: 1                       | antiSpoofing must be true or false",
        "perSubnet: [{backend: vxlan}]         | perSubnet[0].nodes must be own, or a prefix",
        "perSubnet: [{nodes: own, x: 1, backend: bgp}] | perSubnet[0].x is not a field",
        "bgp: {as: 0}                          | bgp.as must be from 1",
        "bgp: {peers: [{as: 1}]}               | bgp.peers[0].address must be given",
        "bgp: {peers: [{address: 10.0.0.1}]}   | bgp.peers[10.0.0.1].as must be from 1",
        "bgp: {peers: [{name: tor, address: 10.0.0.1, as: 0}]} | bgp.peers[tor].as must be from 1",
        "wireguard: {port: 0}                  | wireguard.port must be from 1",
        "wireguard: {driver: fast}             | wireguard.driver must be auto, kernel or userspace",
        "wireguard: {persistentKeepaliveSeconds: 70000} | wireguard.persistentKeepaliveSeconds must",
        "wireguard: {presharedKey: x}          | wireguard.presharedKey is not a field",
        "x: &a [*a]                            | the document",
        "`a: [`                                | the document is not YAML",
      })
  void whatMakesNoSenseIsRefusedByTheNameOfTheField(String line, String message) {
    String text = line.startsWith("podRanges") ? HEAD + line : LEAST + line;
    assertThatThrownBy(() -> PodNetworkSettings.parse(text))
        .isInstanceOf(InvalidSettings.class)
        .hasMessageContaining(message);
  }

  @Test
  void anotherKindOrVersionIsRefused() {
    assertThatThrownBy(() -> PodNetworkSettings.parse(LEAST.replace("v1", "v2")))
        .hasMessage("apiVersion must be podnet.fairway.dev/v1");
    assertThatThrownBy(() -> PodNetworkSettings.parse("kind: Pod"))
        .isInstanceOf(InvalidSettings.class);
    assertThatThrownBy(() -> PodNetworkSettings.parse("")).isInstanceOf(InvalidSettings.class);
    assertThatThrownBy(() -> PodNetworkSettings.parse(LEAST + "---\na: b\n"))
        .hasMessageContaining("one alone");
  }

  @Test
  void flannelsWireGuardIsUnderstood() {
    PodNetworkSettings read =
        PodNetworkSettings.parse(
            """
            {"Network": "10.244.0.0/16",
             "Backend": {"Type": "wireguard", "ListenPort": 51830, "Mode": "auto",
                         "PersistentKeepaliveInterval": 25}}
            """);
    assertThat(read.backend()).isEqualTo(BackendKind.WIREGUARD);
    assertThat(read.wireguard())
        .isEqualTo(
            new WireGuardSettings(51830, Duration.ofSeconds(25), WireGuardSettings.Driver.AUTO));
  }

  @Test
  void flannelsConfigurationIsUnderstood() {
    PodNetworkSettings read =
        PodNetworkSettings.parse(
            """
            {"Network": "10.244.0.0/16", "EnableIPv6": true, "IPv6Network": "2001:cafe:42::/56",
             "SubnetLen": 24, "EnableNFTables": false,
             "Backend": {"Type": "vxlan", "VNI": 4096, "Port": 4789, "MTU": 1400,
                         "DirectRouting": true}}
            """);
    assertThat(read.podRanges())
        .containsExactly(Prefix.parse("10.244.0.0/16"), Prefix.parse("2001:cafe:42::/56"));
    assertThat(read.vxlan()).isEqualTo(new VxlanSettings(4096, 4789, 0x0efa));
    assertThat(read.mtu()).as("what the tunnel leaves").hasValue(1350);
    assertThat(read.perSubnet())
        .containsExactly(new SubnetBackend(Optional.empty(), BackendKind.ROUTES));
    assertThat(
            PodNetworkSettings.parse(
                    "{\"Network\": \"10.244.0.0/16\", \"Backend\": {\"Type\": \"host-gw\"}}")
                .backend())
        .isEqualTo(BackendKind.ROUTES);
    assertThat(
            PodNetworkSettings.parse(
                    "{\"Network\": \"10.244.0.0/16\","
                        + " \"Backend\": {\"Type\": \"host-gw\", \"MTU\": 1400}}")
                .mtu())
        .as("flannel reads it for vxlan only")
        .isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"Network\":\"10.244.0.0/16\"} | Backend must be given",
        "{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"udp\"}} | Backend.Type must be",
        "{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"vxlan\",\"GBP\":true}} | Backend.GBP",
        "{\"Network\":\"10.244.0.0/16\",\"Backend\":{\"Type\":\"vxlan\",\"X\":1}} | Backend.X is not",
        "{\"Network\":\"10.0.0.0/8\",\"Backend\":{\"Type\":\"wireguard\",\"PSK\":\"x\"}} | Backend.PSK must be empty",
        "{\"Backend\":{\"Type\":\"vxlan\"}} | Network must be given, as EnableIPv4 is true",
        "{\"Network\":\"127.0.0.0/8\",\"Backend\":{\"Type\":\"vxlan\"}} | Network 127.0.0.0/8 cannot be",
        "{\"Network\":\"10.0.0.0/8\",\"Backend\":{\"Type\":\"vxlan\",\"VNI\":0}} | Backend.VNI must be from 1 to 16777215",
        "{\"Network\":\"10.0.0.0/8\",\"Backend\":{\"Type\":\"vxlan\",\"Port\":0}} | Backend.Port must be from 1 to 65535",
        "{\"Network\":\"10.0.0.0/8\",\"Backend\":{\"Type\":\"vxlan\",\"MTU\":600}} | Backend.MTU must be from 626 to 65535",
        "{\"Network\":\"10.0.0.0/8\",\"Backend\":{\"Type\":\"vxlan\",\"MacPrefix\":\"01-00\"}} | Backend.MacPrefix must be two",
      })
  void whatFlannelsConfigurationMeansIsNeverGuessed(String text, String message) {
    assertThatThrownBy(() -> PodNetworkSettings.parse(text))
        .isInstanceOf(InvalidSettings.class)
        .hasMessageContaining(message);
  }

  @Test
  void anyTextIsReadOrRefused() {
    Random random = new Random(3);
    int refused = 0;
    for (int round = 0; round < 3000; round++) {
      StringBuilder text = new StringBuilder(FULL);
      for (int flips = random.nextInt(6); flips >= 0; flips--) {
        int at = random.nextInt(text.length());
        switch (random.nextInt(3)) {
          case 0 -> text.setCharAt(at, (char) (32 + random.nextInt(96)));
          case 1 -> text.deleteCharAt(at);
          default -> text.insert(at, FULL.charAt(random.nextInt(FULL.length())));
        }
      }
      try {
        assertThat(PodNetworkSettings.parse(text.toString()).podRanges()).isNotEmpty();
      } catch (InvalidSettings e) {
        assertThat(e.getMessage()).isNotBlank();
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(1000);
  }

  @Test
  void deepAndLongTextsAreRefused() {
    assertThatThrownBy(() -> PodNetworkSettings.parse("[".repeat(100_000)))
        .isInstanceOf(InvalidSettings.class);
    assertThatThrownBy(() -> PodNetworkSettings.parse(" ".repeat(300_000)))
        .isInstanceOf(InvalidSettings.class);
  }
}
