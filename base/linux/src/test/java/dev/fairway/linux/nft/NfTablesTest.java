// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.Errno;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.nft.NftChain.Hook;
import dev.fairway.linux.nft.NftExpression.Bitwise;
import dev.fairway.linux.nft.NftExpression.Compare;
import dev.fairway.linux.nft.NftExpression.Connection;
import dev.fairway.linux.nft.NftExpression.ConnectionKey;
import dev.fairway.linux.nft.NftExpression.Counter;
import dev.fairway.linux.nft.NftExpression.Decide;
import dev.fairway.linux.nft.NftExpression.DestinationNat;
import dev.fairway.linux.nft.NftExpression.Hash;
import dev.fairway.linux.nft.NftExpression.Header;
import dev.fairway.linux.nft.NftExpression.InSet;
import dev.fairway.linux.nft.NftExpression.Load;
import dev.fairway.linux.nft.NftExpression.MapToValue;
import dev.fairway.linux.nft.NftExpression.MapToVerdict;
import dev.fairway.linux.nft.NftExpression.Masquerade;
import dev.fairway.linux.nft.NftExpression.Meta;
import dev.fairway.linux.nft.NftExpression.MetaKey;
import dev.fairway.linux.nft.NftExpression.Payload;
import dev.fairway.linux.nft.NftExpression.RandomNumber;
import dev.fairway.linux.nft.NftExpression.RejectByReset;
import dev.fairway.linux.nft.NftExpression.RejectPortUnreachable;
import dev.fairway.linux.nft.NftExpression.SetMark;
import dev.fairway.linux.nft.NftRequest.AddChain;
import dev.fairway.linux.nft.NftRequest.AddElements;
import dev.fairway.linux.nft.NftRequest.AddRule;
import dev.fairway.linux.nft.NftRequest.AddSet;
import dev.fairway.linux.nft.NftRequest.AddTable;
import dev.fairway.linux.nft.NftRequest.DeleteChain;
import dev.fairway.linux.nft.NftRequest.DeleteElements;
import dev.fairway.linux.nft.NftRequest.DeleteTable;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// The real kernel; `nft list` is the independent eye.
class NfTablesTest {
  private static final NftTable TABLE = new NftTable(NftTable.Family.IP, "fairway-test");
  private static final NftChain TARGET = NftChain.regular(TABLE, "n3");
  private static final NftSet SERVICES =
      NftSet.verdicts(TABLE, "services", NftType.IPV4_ADDRESS, NftType.PROTOCOL, NftType.PORT);
  private static final NftSet ENDPOINTS =
      NftSet.map(
          TABLE,
          "endpoints",
          List.of(NftType.IPV4_ADDRESS, NftType.PROTOCOL, NftType.PORT, NftType.MARK),
          List.of(NftType.IPV4_ADDRESS, NftType.PORT));

  private final NetworkNamespace namespace = NetworkNamespace.createAnonymous();
  private final NfTables tables = NfTables.open(namespace);

  @AfterEach
  void close() {
    tables.close();
    namespace.close();
  }

  private String list() throws Exception {
    return nft("list", "ruleset");
  }

  private String nft(String... words) throws Exception {
    List<String> command = new ArrayList<>(List.of("nft", "-nn"));
    command.addAll(List.of(words));
    Process process = namespace.start(new ProcessBuilder(command).redirectErrorStream(true));
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output.replace("\t", " ").replaceAll(" +", " ");
  }

  private static NftValue service(int number) {
    return NftValue.builder()
        .address(IpAddress.parse("10.32.0.0").plus(number))
        .protocol(Protocol.TCP)
        .port(80)
        .build();
  }

  private static NftSet.Element endpoint(int number, int index, String address) {
    return NftSet.Element.of(
        NftValue.builder()
            .address(IpAddress.parse("10.32.0.0").plus(number))
            .protocol(Protocol.TCP)
            .port(80)
            .number(index)
            .build(),
        NftValue.builder().address(IpAddress.parse(address)).port(8080).build());
  }

  private static List<NftRequest> skeleton() {
    NftChain prerouting =
        NftChain.base(TABLE, "prerouting", NftChain.Type.NAT, Hook.PREROUTING, -100);
    return List.of(
        new AddTable(TABLE),
        new AddSet(SERVICES),
        new AddSet(ENDPOINTS),
        new AddChain(TARGET),
        new AddChain(prerouting),
        AddRule.of(
            prerouting,
            new Payload(Header.NETWORK, 16, 4, 0),
            new Meta(MetaKey.PROTOCOL, 1),
            new Payload(Header.TRANSPORT, 2, 2, 2),
            new MapToVerdict("services", 0)),
        AddRule.of(
            TARGET,
            new Payload(Header.NETWORK, 16, 4, 0),
            new Meta(MetaKey.PROTOCOL, 1),
            new Payload(Header.TRANSPORT, 2, 2, 2),
            new RandomNumber(3, 0, 3),
            new MapToValue("endpoints", 0, 8),
            new DestinationNat(IpFamily.IPV4, 8)));
  }

  @Test
  void flatMapsAsNftShowsThem() throws Exception {
    List<NftRequest> all = new ArrayList<>(skeleton());
    all.add(
        new AddElements(SERVICES, List.of(NftSet.Element.of(service(1), NftVerdict.goTo("n3")))));
    all.add(
        new AddElements(
            ENDPOINTS, List.of(endpoint(1, 0, "10.200.0.2"), endpoint(1, 1, "10.200.0.3"))));
    tables.apply(all);
    assertThat(list())
        .contains("type ipv4_addr . inet_proto . inet_service : verdict")
        .contains("10.32.0.1 . 6 . 80 : goto n3")
        .contains("10.32.0.1 . 6 . 80 . 0x00000001 : 10.200.0.3 . 8080")
        .contains("type nat hook prerouting priority -100; policy accept;")
        .contains("ip daddr . meta l4proto . th dport vmap @services")
        .contains("numgen random mod 3 map @endpoints");
    assertThat(tables.tables()).containsExactly(TABLE);

    tables.apply(
        List.of(
            new DeleteElements(ENDPOINTS, List.of(endpoint(1, 1, "10.200.0.3"))),
            new AddElements(ENDPOINTS, List.of(endpoint(1, 1, "10.200.0.9"))),
            new DeleteElements(SERVICES, List.of(NftSet.Element.of(service(1)))),
            new DeleteChain(TABLE, "n3")));
    assertThat(list())
        .contains("10.32.0.1 . 6 . 80 . 0x00000001 : 10.200.0.9 . 8080")
        .doesNotContain("n3");
    tables.apply(List.of(new DeleteTable(TABLE)));
    assertThat(list()).isEmpty();
  }

  @Test
  void everyExpression() throws Exception {
    NftChain output = NftChain.base(TABLE, "output", NftChain.Type.FILTER, Hook.OUTPUT, 0);
    NftChain post = NftChain.base(TABLE, "post", NftChain.Type.NAT, Hook.POSTROUTING, 100);
    NftSet addresses = NftSet.set(TABLE, "addresses", NftType.IPV4_ADDRESS);
    NftValue mark = NftValue.number(0x4000);
    NftSet memory =
        NftSet.memory(TABLE, "memory", List.of(NftType.IPV4_ADDRESS), List.of(NftType.MARK), 100);
    List<NftRequest> all =
        List.of(
            new AddTable(TABLE),
            new AddSet(memory),
            new NftRequest.AddCounter(TABLE, "seen"),
            new AddSet(addresses),
            new AddChain(output),
            new AddChain(post),
            new AddElements(
                addresses, List.of(NftSet.Element.of(NftValue.of(IpAddress.parse("10.0.0.1"))))),
            AddRule.of(
                output,
                new Connection(ConnectionKey.STATE, 0),
                new Bitwise(0, NftValue.number(Connection.STATE_NEW), NftValue.number(0)),
                new Compare(0, false, NftValue.number(0)),
                new Meta(MetaKey.PROTOCOL, 0),
                new Compare(0, true, NftValue.octets((byte) 6)),
                new Payload(Header.NETWORK, 16, 4, 0),
                new InSet("addresses", 0, false),
                new Counter(),
                new RejectByReset()),
            AddRule.of(
                output,
                new Payload(Header.NETWORK, 16, 4, 0),
                new InSet("addresses", 0, true),
                new RejectPortUnreachable(IpFamily.IPV4)),
            AddRule.of(
                output,
                new Meta(MetaKey.MARK, 0),
                new Bitwise(0, NftValue.number(~0x4000), mark),
                new SetMark(0)),
            AddRule.of(output, new Load(mark, 0), new SetMark(0), new Decide(NftVerdict.accept())),
            AddRule.of(
                output,
                new Payload(Header.NETWORK, 12, 4, 0),
                new Hash(0, 4, 5, 7, 1, 0),
                new SetMark(1)),
            AddRule.of(
                post,
                new Meta(MetaKey.MARK, 0),
                new Bitwise(0, mark, NftValue.number(0)),
                new Compare(0, true, mark),
                new Masquerade()),
            AddRule.of(
                output,
                new NftExpression.DestinationType(0),
                new NftExpression.SourceType(5),
                new NftExpression.InRange(0, mark, NftValue.number(0x5000)),
                new RandomNumber(7, 3, 6),
                new NftExpression.CountBy("seen"),
                new Decide(NftVerdict.drop())),
            AddRule.of(
                output,
                new Payload(Header.NETWORK, 12, 4, 0),
                new Load(mark, 4),
                new NftExpression.Forget("memory", 0, 4),
                new NftExpression.Remember("memory", 0, 4, Duration.ofHours(3))));
    tables.apply(all);
    assertThat(tables.differences(all)).as("as the kernel tells it").isEmpty();
    assertThat(list())
        .contains(
            "ct state 0x8 meta l4proto 6 ip daddr @addresses counter packets 0 bytes 0 reject with tcp reset")
        .contains("ip daddr != @addresses reject")
        .contains("meta mark set meta mark | 0x00004000")
        .contains("meta mark set 0x00004000 accept")
        .contains("jhash ip saddr mod 5 seed 0x7")
        .contains("meta mark & 0x00004000 == 0x00004000 masquerade fully-random");
  }

  @Test
  void aMistakeNamesItsRequestAndNothingChanges() throws Exception {
    List<NftRequest> wrong = new ArrayList<>(skeleton());
    wrong.add(
        new AddElements(
            SERVICES, List.of(NftSet.Element.of(service(1), NftVerdict.goTo("absent")))));
    assertThatThrownBy(() -> tables.apply(wrong))
        .isInstanceOfSatisfying(
            KernelException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT))
        .hasMessageStartingWith(
            "NFT_MSG_NEWSETELEM add 1 elements to map services of table ip fairway-test");
    assertThat(list()).isEmpty();
  }

  @Test
  void aTableThatSleepsIsNoticed() throws Exception {
    tables.apply(skeleton());
    assertThat(tables.differences(skeleton())).isEmpty();
    nft("add table ip fairway-test { flags dormant ; }");
    assertThat(tables.differences(skeleton())).containsExactly("table ip fairway-test is dormant");
    tables.apply(List.of(new DeleteTable(TABLE)));
    tables.apply(skeleton());
    assertThat(tables.differences(skeleton())).isEmpty();
  }

  @Test
  void aChangeByAnotherIsNoticed() {
    long before = tables.strangers();
    tables.applyIf(before, skeleton());
    assertThat(tables.strangers()).isEqualTo(before);
    try (NfTables partner = NfTables.open(namespace)) {
      partner.apply(List.of(new AddTable(new NftTable(NftTable.Family.INET, "partner"))));
      assertThat(tables.strangers()).isEqualTo(before);
    }
    try (NfTables other = NfTables.open(namespace.call(NetworkNamespace::current))) {
      other.apply(List.of(new AddTable(new NftTable(NftTable.Family.INET, "other"))));
    }
    assertThatThrownBy(() -> tables.applyIf(before, List.of(new DeleteTable(TABLE))))
        .isInstanceOfSatisfying(
            KernelException.class, e -> assertThat(e.errno()).isEqualTo(NfTables.ERESTART));
    assertThat(tables.tables()).contains(TABLE);
  }

  @Test
  void tensOfThousandsOfElementsInOneTransaction() throws Exception {
    List<NftSet.Element> services = new ArrayList<>();
    List<NftSet.Element> endpoints = new ArrayList<>();
    Prefix pods = Prefix.parse("10.128.0.0/9");
    for (int i = 0; i < 10_000; i++) {
      services.add(NftSet.Element.of(service(i), NftVerdict.goTo("n3")));
      for (int j = 0; j < 3; j++) {
        endpoints.add(endpoint(i, j, pods.at(i * 3L + j).toString()));
      }
    }
    List<NftRequest> all = new ArrayList<>(skeleton());
    all.add(new AddElements(SERVICES, services));
    all.add(new AddElements(ENDPOINTS, endpoints));
    tables.apply(all);
    assertThat(list()).contains("10.32.39.15 . 6 . 80 : goto n3");
    // Replacing the whole is one transaction too.
    List<NftRequest> again = new ArrayList<>(List.of(new AddTable(TABLE), new DeleteTable(TABLE)));
    again.addAll(all);
    tables.apply(again);
    assertThat(list()).contains("10.32.39.15 . 6 . 80 : goto n3");
  }
}
