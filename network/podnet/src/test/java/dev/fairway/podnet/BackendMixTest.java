// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.LinkAddress;
import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.forwarding.ForwardingState;
import dev.fairway.podnet.forwarding.ForwardingState.RangeRoute;
import dev.fairway.podnet.forwarding.ForwardingState.Way;
import dev.fairway.podnet.nodes.ClusterNode;
import dev.fairway.podnet.nodes.Underlay;
import dev.fairway.podnet.settings.PodNetworkSettings;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// Which backend carries which pair of nodes.
final class BackendMixTest {
  private static final Underlay UNDERLAY =
      new Underlay(
          2,
          1500,
          IpAddress.parse("10.240.0.20"),
          List.of(LinkAddress.of(2, IpAddress.parse("10.240.0.20"), 24)));
  private static final ClusterNode ME = node("me", "10.240.0.20", "10.200.0.0/24", 1);
  private static final ClusterNode NEAR = node("near", "10.240.0.21", "10.200.1.0/24", 2);
  private static final ClusterNode FAR = node("far", "10.240.9.21", "10.200.2.0/24", 3);

  /// As flannel's DirectRouting: routes where they reach, the tunnel for the rest.
  @Test
  void nodesOfOneSubnetGoWithoutTheTunnel() {
    BackendMix mix = mix("{Network: 10.200.0.0/16, Backend: {Type: vxlan, DirectRouting: true}}");
    ForwardingState wanted = mix.desired(ME, List.of(NEAR, FAR), UNDERLAY);
    assertThat(ways(wanted))
        .containsEntry("10.200.1.0/24", Way.UNDERLAY)
        .containsEntry("10.200.2.0/24", Way.TUNNEL);
    assertThat(wanted.destinations()).hasSize(1);
    assertThat(mix.problems(ME, List.of(NEAR, FAR), UNDERLAY)).isEmpty();
    assertThat(mix.podMtu(UNDERLAY)).isEqualTo(1450);
  }

  @Test
  void aPrefixOfNodesHasABackendOfItsOwn() {
    BackendMix mix =
        mix(
            """
            apiVersion: podnet.fairway.dev/v1
            kind: PodNetworkConfiguration
            podRanges: [10.200.0.0/16]
            backend: routes
            perSubnet: [{nodes: 10.240.0.0/16, backend: vxlan}]
            """);
    assertThat(ways(mix.desired(ME, List.of(NEAR, FAR), UNDERLAY)).values())
        .containsOnly(Way.TUNNEL, Way.UNREACHABLE);
  }

  /// Nor does what is for a node that nobody knows, or whose route went with its device.
  @Test
  void nothingOfPodsLeavesByTheDefaultRouteWhileWireGuardIsWanted() {
    String plain =
        """
        apiVersion: podnet.fairway.dev/v1
        kind: PodNetworkConfiguration
        podRanges: [10.200.0.0/16, "fd00:10:200::/48"]
        backend: vxlan
        """;
    String mixed = plain + "perSubnet: [{nodes: 10.240.9.0/24, backend: wireguard}]";
    assertThat(ways(mix(mixed).desired(ME, List.of(NEAR, FAR), UNDERLAY)))
        .containsEntry("10.200.0.0/16", Way.UNREACHABLE)
        .containsEntry("fd00:10:200::/48", Way.UNREACHABLE)
        .containsEntry("10.200.1.0/24", Way.TUNNEL);
    assertThat(ways(mix(plain).desired(ME, List.of(NEAR, FAR), UNDERLAY)))
        .doesNotContainKey("10.200.0.0/16");
  }

  @Test
  void aRouteThatCannotBeIsNamed() {
    BackendMix mix = mix("{Network: 10.200.0.0/16, Backend: {Type: host-gw}}");
    assertThat(ways(mix.desired(ME, List.of(NEAR, FAR), UNDERLAY)))
        .doesNotContainKey("10.200.2.0/24");
    assertThat(mix.problems(ME, List.of(NEAR, FAR), UNDERLAY))
        .containsExactly(
            "node far: its address 10.240.9.21 is beyond a router, where plain routes do not reach;"
                + " use vxlan or bgp for it");
  }

  /// The kernel would refuse it, and so all that is asked of it in one go.
  @Test
  void aNodeAtTheNetworksOwnAddressIsNamed() {
    BackendMix mix = mix("{Network: 10.200.0.0/16, Backend: {Type: host-gw}}");
    ClusterNode all = node("all", "10.240.0.255", "10.200.3.0/24", 4);
    assertThat(ways(mix.desired(ME, List.of(NEAR, all), UNDERLAY)))
        .containsKey("10.200.1.0/24")
        .doesNotContainKey("10.200.3.0/24");
    assertThat(mix.problems(ME, List.of(all), UNDERLAY))
        .containsExactly("node all: its address 10.240.0.255 is no machine's own");
  }

  private static BackendMix mix(String settings) {
    return new BackendMix(PodNetworkSettings.parse(settings));
  }

  private static Map<String, Way> ways(ForwardingState state) {
    Function<RangeRoute, String> range = route -> route.range().toString();
    return state.routes().stream().collect(Collectors.toMap(range, RangeRoute::way));
  }

  private static ClusterNode node(String name, String address, String range, int mac) {
    return new ClusterNode(
        name,
        IpAddress.parse(address),
        List.of(Prefix.parse(range)),
        Optional.of(new ClusterNode.Tunnel(1, new MacAddress(0x0efa_0000_0000L | mac))));
  }
}
