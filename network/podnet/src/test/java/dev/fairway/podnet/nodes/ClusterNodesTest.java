// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.NodeStatusBuilder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ClusterNodesTest {
  private static final IpAddress MINE = IpAddress.parse("10.240.0.20");
  private static final String GOOD = "{\"VNI\":1,\"VtepMAC\":\"0e:fa:00:00:00:01\"}";

  /// As flanneld 0.26 writes them.
  @Test
  void aFlannelNodeIsUnderstood() {
    ClusterNodes nodes = of(node("w1", "10.200.1.0/24", annotations("vxlan", GOOD)));
    assertThat(nodes.problems()).isEmpty();
    ClusterNode other = nodes.others().getFirst();
    assertThat(other.address()).hasToString("192.0.2.7");
    assertThat(other.tunnel())
        .contains(new ClusterNode.Tunnel(1, MacAddress.parse("0e:fa:00:00:00:01")));
  }

  /// Whether an object is the same one as at the reading before makes no difference.
  @Test
  void anObjectReadBeforeIsAsOneReadAnew() {
    Random random = new Random(7);
    KnownNodes known = new KnownNodes();
    KnownNodes anew = new KnownNodes();
    List<Node> all = new ArrayList<>();
    List<IpAddress> mine = List.of(MINE);
    for (int round = 0; round < 300; round++) {
      int number = random.nextInt(12);
      String name = "w" + number;
      int overlapping = random.nextInt(8) == 0 ? random.nextInt(12) : number;
      String data = random.nextInt(6) == 0 ? "nonsense" : GOOD.replace(":01", ":0" + number % 10);
      all.removeIf(node -> node.getMetadata().getName().equals(name));
      if (random.nextInt(5) > 0) {
        Node node = node(name, "10.200." + overlapping + ".0/24", annotations("vxlan", data));
        all.add(random.nextInt(all.size() + 1), node);
      }
      List<Prefix> ranges =
          round % 50 == 0 ? List.of(Prefix.parse("10.201.0.0/16")) : List.<Prefix>of();
      List<Prefix> blocks = List.of(Prefix.parse("10.199." + round / 10 + ".0/26"));
      Function<String, List<Prefix>> blocksOf = of -> of.equals("w3") ? blocks : List.of();
      List<Node> copies = all.stream().map(node -> new NodeBuilder(node).build()).toList();
      assertThat(known.read(all, "w1", mine, ranges, blocksOf))
          .isEqualTo(anew.read(copies, "w1", mine, ranges, blocksOf));
    }
  }

  @Test
  void whatIsAnnouncedIsReadBack() {
    ClusterNode.Tunnel tunnel = new ClusterNode.Tunnel(1, MacAddress.parse("0e:fa:00:00:00:07"));
    Map<String, String> annotations = FlannelAnnotations.vxlan(MINE, tunnel);
    assertThat(annotations)
        .containsEntry(
            "flannel.alpha.coreos.com/backend-data",
            "{\"VNI\":1,\"VtepMAC\":\"0e:fa:00:00:00:07\"}")
        .containsEntry("flannel.alpha.coreos.com/backend-type", "vxlan")
        .containsEntry("flannel.alpha.coreos.com/public-ip", "10.240.0.20")
        .containsEntry("flannel.alpha.coreos.com/kube-subnet-manager", "true");
    assertThat(FlannelAnnotations.tunnel(annotations, IpFamily.IPV4)).isEqualTo(tunnel);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "10.200.1.0/33 | {\"VNI\":1,\"VtepMAC\":\"0e:fa:00:00:00:01\"} | spec.podCIDRs",
        "10.200.0.0/16 | {\"VNI\":1,\"VtepMAC\":\"0e:fa:00:00:00:01\"} | overlaps that of node w0",
        "10.200.1.0/24 | nonsense                                      | backend-data is not JSON",
        "10.200.1.0/24 | {\"VNI\":99999999,\"VtepMAC\":\"0e:fa:00:00:00:01\"} | must hold a VNI",
        "10.200.1.0/24 | {\"VNI\":1,\"VtepMAC\":\"ff:ff:ff:ff:ff:ff\"} | no device's own",
        "10.200.1.0/24 | {\"VNI\":1,\"VtepMAC\":\"00:00:00:00:00:00\"} | no device's own",
        "10.200.1.0/24 | {\"VNI\":1,\"VtepMAC\":\"fe\"}                | backend-data",
      })
  void aNodeThatMakesNoSenseIsLeftOutAndNamed(String range, String data, String problem) {
    ClusterNodes nodes =
        of(
            node("bad", range, annotations("vxlan", data)),
            node("good", "10.200.9.0/24", annotations("vxlan", GOOD)));
    assertThat(nodes.others()).extracting(ClusterNode::name).containsExactly("good");
    assertThat(nodes.problems()).hasSize(1);
    assertThat(nodes.problems().getFirst()).startsWith("node bad: ").contains(problem);
  }

  /// Believing it would draw another node's packets to it, or ours to nobody.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "10.200.2.0/24 | 192.0.2.7  | 0e:fa:00:00:00:09 | its address 192.0.2.7 is that of node good",
        "10.200.2.0/24 | 10.240.0.20| 0e:fa:00:00:00:09 | is that of node w0",
        "10.200.2.0/24 | 224.0.0.1  | 0e:fa:00:00:00:09 | 224.0.0.1 is no machine's own",
        "10.200.2.0/24 | 127.0.0.1  | 0e:fa:00:00:00:09 | 127.0.0.1 is no machine's own",
        "10.200.2.0/24 | fd00::1    | 0e:fa:00:00:00:09 | fd00::1 is not an address of",
        "10.200.1.0/25 | 192.0.2.9  | 0e:fa:00:00:00:09 | spec.podCIDRs overlaps that of node good",
        "10.201.2.0/24 | 192.0.2.9  | 0e:fa:00:00:00:09 | 10.201.2.0/24 is in none of the pod ranges",
      })
  void aNodeThatLiesIsLeftOut(String range, String address, String mac, String problem) {
    Map<String, String> lies =
        annotations("vxlan", "{\"VNI\":1,\"VtepMAC\":\"" + mac.strip() + "\"}");
    lies.put("flannel.alpha.coreos.com/public-ip", address.strip());
    ClusterNodes nodes =
        ClusterNodes.of(
            List.of(
                node("w0", "10.200.0.0/24", Map.of()),
                node("good", "10.200.1.0/24", annotations("vxlan", GOOD)),
                node("liar", range, lies)),
            "w0",
            List.of(MINE),
            List.of(Prefix.parse("10.200.0.0/16")),
            name -> List.of());
    assertThat(nodes.others()).extracting(ClusterNode::name).containsExactly("good");
    assertThat(nodes.problems())
        .singleElement()
        .asString()
        .startsWith("node liar: ")
        .contains(problem.strip());
  }

  /// Cut off is not who had it before, and nobody gets packets that are meant for another.
  @Test
  void whoHadAKeyOrADeviceKeepsItAndTheOtherStaysWithout() {
    String key = "podnet.fairway.dev/wireguard-public-key";
    Map<String, String> mine = annotations("vxlan", GOOD);
    mine.put(key, "AQ" + "A".repeat(41) + "=");
    Map<String, String> others = annotations("vxlan", GOOD.replace(":01", ":02"));
    others.put("flannel.alpha.coreos.com/public-ip", "192.0.2.8");
    others.put(key, "Ag" + "A".repeat(41) + "=");
    Map<String, String> stolen = new HashMap<>(mine);
    stolen.put("flannel.alpha.coreos.com/public-ip", "192.0.2.8");
    Node owner = node("b", "10.200.1.0/24", mine);
    KnownNodes known = new KnownNodes();
    for (Map<String, String> told : List.of(others, stolen, stolen)) {
      ClusterNodes nodes =
          known.read(
              List.of(node("a", "10.200.2.0/24", told), owner),
              "w0",
              List.of(MINE),
              List.of(),
              name -> List.of());
      boolean honest = told.equals(others);
      assertThat(nodes.others()).extracting(ClusterNode::name).containsExactly("a", "b");
      assertThat(nodes.others().getFirst().wireGuard().isPresent()).isEqualTo(honest);
      assertThat(nodes.others().getFirst().tunnel().isPresent()).isEqualTo(honest);
      assertThat(nodes.others().getLast().wireGuard()).isPresent();
      assertThat(nodes.others().getLast().tunnel()).isPresent();
      if (!honest) {
        assertThat(nodes.problems())
            .containsExactlyInAnyOrder(
                "node a: its VXLAN device has the address 0e:fa:00:00:00:01 of that of node b",
                "node a: its WireGuard key is that of node b");
      }
    }
  }

  /// As a credential of a node may make another Node object.
  @Test
  void whoHadARangeOrAnAddressIsNotLeftOutForANewcomer() {
    Map<String, String> elsewhere = annotations("vxlan", GOOD.replace(":01", ":02"));
    elsewhere.put("flannel.alpha.coreos.com/public-ip", "192.0.2.8");
    Map<String, String> same = annotations("vxlan", GOOD.replace(":01", ":02"));
    Node owner = node("b", "10.200.1.0/24", annotations("vxlan", GOOD));
    for (Node newcomer :
        List.of(node("a", "10.200.1.0/24", elsewhere), node("a", "10.200.2.0/24", same))) {
      KnownNodes known = new KnownNodes();
      for (List<Node> all : List.of(List.of(owner), List.of(newcomer, owner))) {
        ClusterNodes nodes = known.read(all, "w0", List.of(MINE), List.of(), name -> List.of());
        assertThat(nodes.others()).extracting(ClusterNode::name).containsExactly("b");
      }
    }
  }

  /// Else it would never be written anew.
  @ParameterizedTest
  @ValueSource(strings = {"nonsense", "null", "{}"})
  void whatSomebodyWroteOverOurOwnAnnotationStopsNothing(String data) {
    Node mine = node("w0", "10.200.0.0/24", annotations("vxlan", data));
    ClusterNodes nodes = ClusterNodes.of(List.of(mine), "w0", MINE);
    assertThat(nodes.problems()).isEmpty();
    assertThat(nodes.me().orElseThrow().tunnel()).isEmpty();
  }

  /// Whose address it is says the cluster, not who comes first by name.
  @Test
  void aNodeThatTakesAnothersAddressIsTheOneLeftOut() {
    Node thief = node("a", "10.200.2.0/24", annotations("vxlan", GOOD.replace(":01", ":02")));
    Node owner = node("b", "10.200.1.0/24", annotations("vxlan", GOOD));
    owner.setStatus(
        new NodeStatusBuilder()
            .addNewAddress()
            .withType("InternalIP")
            .withAddress("192.0.2.7")
            .endAddress()
            .build());
    ClusterNodes nodes = of(thief, owner);
    assertThat(nodes.others()).extracting(ClusterNode::name).containsExactly("b");
    assertThat(nodes.problems()).containsExactly("node a: its address 192.0.2.7 is that of node b");
  }

  @Test
  void aFamilyThatPodsDoWithoutIsPassedOver() {
    Node both = node("w1", "10.200.1.0/24", annotations("vxlan", GOOD));
    both.getSpec().setPodCIDRs(List.of("10.200.1.0/24", "fd00::/64"));
    ClusterNodes nodes =
        ClusterNodes.of(
            List.of(both),
            "w0",
            List.of(MINE),
            List.of(Prefix.parse("10.200.0.0/16")),
            name -> List.of());
    assertThat(nodes.others().getFirst().ranges()).containsExactly(Prefix.parse("10.200.1.0/24"));
  }

  @Test
  void annotationsMayHoldAnything() {
    Random random = new Random(5);
    for (int round = 0; round < 2000; round++) {
      byte[] data = GOOD.getBytes(StandardCharsets.ISO_8859_1);
      for (int flips = random.nextInt(4); flips >= 0; flips--) {
        data[random.nextInt(data.length)] = (byte) random.nextInt(128);
      }
      String text =
          new String(data, 0, random.nextInt(data.length + 1), StandardCharsets.ISO_8859_1);
      ClusterNodes nodes = of(node("w1", "10.200.1.0/24", annotations("vxlan", text)));
      assertThat(nodes.others().size() + nodes.problems().size()).isEqualTo(1);
      assertThat(nodes.me()).isPresent();
    }
  }

  private static ClusterNodes of(Node... others) {
    List<Node> all = new ArrayList<>(List.of(others));
    all.add(node("w0", "10.200.0.0/24", Map.of()));
    return ClusterNodes.of(all, "w0", MINE);
  }

  private static Map<String, String> annotations(String type, String data) {
    Map<String, String> annotations = new HashMap<>();
    annotations.put("flannel.alpha.coreos.com/backend-type", type);
    annotations.put("flannel.alpha.coreos.com/backend-data", data);
    annotations.put("flannel.alpha.coreos.com/public-ip", "192.0.2.7");
    return annotations;
  }

  private static Node node(String name, String range, Map<String, String> annotations) {
    return new NodeBuilder()
        .withNewMetadata()
        .withName(name)
        .withAnnotations(annotations)
        .endMetadata()
        .withNewSpec()
        .withPodCIDR(range)
        .endSpec()
        .build();
  }
}
