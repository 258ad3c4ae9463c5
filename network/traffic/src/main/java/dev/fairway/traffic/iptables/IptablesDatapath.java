// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.iptables;

import dev.fairway.linux.Iptables;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.nft.NfTables;
import dev.fairway.linux.nft.NftRequest;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import dev.fairway.traffic.rules.BalancedPort;
import dev.fairway.traffic.rules.Front;
import dev.fairway.traffic.rules.Plan;
import dev.fairway.traffic.rules.ServiceDatapath;
import dev.fairway.traffic.rules.ServiceIndex;
import dev.fairway.traffic.rules.ServicesConfig;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps the rules of Services in iptables.
///
/// What is changed is whole chains, by `iptables-restore --noflush`. Whether somebody else changed
/// ours is found by comparing them with what they were after the last change.
public final class IptablesDatapath implements ServiceDatapath {
  /// Where the shared chains are entered from: table, chain, and the rule.
  private record Entrance(String table, String from, String match, String comment, String to) {
    String rule() {
      String words = match.isEmpty() ? "" : match + " ";
      return words + "-m comment --comment \"" + comment + "\" -j " + to;
    }
  }

  private static final Logger LOG = LoggerFactory.getLogger(IptablesDatapath.class);
  private static final List<String> TABLES = List.of("filter", "nat");
  private static final String NEW = "-m conntrack --ctstate NEW";
  private static final String PORTALS = "kubernetes service portals";
  private static final String VISIBLE = "kubernetes externally-visible service portals";
  private static final String BALANCER = "kubernetes load balancer firewall";

  private static final List<Entrance> ENTRANCES =
      List.of(
          new Entrance("filter", "INPUT", NEW, VISIBLE, KubeChains.EXTERNAL_SERVICES),
          new Entrance("filter", "FORWARD", NEW, VISIBLE, KubeChains.EXTERNAL_SERVICES),
          new Entrance(
              "filter",
              "INPUT",
              "",
              "kubernetes health check service ports",
              KubeChains.NODE_PORTS),
          new Entrance("filter", "FORWARD", NEW, PORTALS, KubeChains.SERVICES),
          new Entrance("filter", "OUTPUT", NEW, PORTALS, KubeChains.SERVICES),
          new Entrance("filter", "FORWARD", "", "kubernetes forwarding rules", KubeChains.FORWARD),
          new Entrance("filter", "INPUT", NEW, BALANCER, KubeChains.FIREWALL),
          new Entrance("filter", "OUTPUT", NEW, BALANCER, KubeChains.FIREWALL),
          new Entrance("filter", "FORWARD", NEW, BALANCER, KubeChains.FIREWALL),
          new Entrance("nat", "OUTPUT", "", PORTALS, KubeChains.SERVICES),
          new Entrance("nat", "PREROUTING", "", PORTALS, KubeChains.SERVICES),
          new Entrance(
              "nat", "POSTROUTING", "", "kubernetes postrouting rules", KubeChains.POSTROUTING));

  /// So often a look at the whole is left out while the generation of nf_tables says nothing new:
  /// the legacy kind of iptables has none.
  private static final int LOOKS_LEFT_OUT = 59;

  private static final long UNSETTLED = -1;

  private static final int MOST_TOLD = 5;

  private final ServicesConfig config;
  private final NfTables tables;
  private final Map<IpFamily, Iptables> programs = new EnumMap<>(IpFamily.class);
  private final Map<IpFamily, IptablesWriter> writers = new EnumMap<>(IpFamily.class);
  private final Map<IpFamily, IptablesRules> loaded = new EnumMap<>(IpFamily.class);

  /// Our chains as they are listed after the last change.
  private final Map<IpFamily, Iptables.Listing> left = new EnumMap<>(IpFamily.class);

  /// The families that were changed since, and not listed again: with nf_tables beneath that waits
  /// for the next look, because to list ten thousand Services takes longer than to change one.
  private final Set<IpFamily> unseen = EnumSet.noneOf(IpFamily.class);

  /// What is there still of what is not wanted.
  private final Map<IpFamily, IdleChains> idle = new EnumMap<>(IpFamily.class);

  /// What the kernel said of others' changes when all was last as wanted.
  private long settled = UNSETTLED;

  private int looksLeftOut;

  private IptablesDatapath(ServicesConfig config, NetworkNamespace namespace) {
    this.config = config;
    this.tables = NfTables.open(namespace);
    for (IpFamily family : IpFamily.values()) {
      programs.put(family, new Iptables(namespace, family));
      idle.put(family, new IdleChains());
    }
  }

  /// For the given namespace.
  public static IptablesDatapath open(ServicesConfig config, NetworkNamespace namespace) {
    return new IptablesDatapath(config, namespace);
  }

  @Override
  public Set<Front> datagramFronts() {
    Set<Front> fronts = new HashSet<>();
    for (IpFamily family : IpFamily.values()) {
      if (hasTables(family)) {
        for (String rule : of(family).list().rules().getOrDefault("nat", List.of())) {
          addDatagramFronts(family, List.of(rule.split(" ")), fronts);
        }
      }
    }
    return fronts;
  }

  private void addDatagramFronts(IpFamily family, List<String> rule, Set<Front> fronts) {
    int address = rule.indexOf("-d") + 1;
    int port = rule.indexOf("--dport") + 1;
    boolean isNodePort = rule.getFirst().equals(KubeChains.NODE_PORTS);
    if (port == 0
        || !rule.contains("udp")
        || !(isNodePort || (address > 0 && rule.getFirst().equals(KubeChains.SERVICES)))) {
      return;
    }
    try {
      int number = Integer.parseInt(rule.get(port));
      List<IpAddress> addresses =
          isNodePort
              ? config.nodePortAddresses()
              : List.of(Prefix.parse(rule.get(address)).address());
      for (IpAddress one : addresses) {
        if (one.family() == family) {
          fronts.add(new Front(one, Protocol.UDP, number));
        }
      }
    } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
      LOG.debug("not a rule of ours: {}", rule);
    }
  }

  /// As if nothing were there.
  private void forget() {
    loaded.clear();
    left.clear();
    unseen.clear();
    idle.replaceAll((family, chains) -> new IdleChains());
    settled = UNSETTLED;
  }

  @Override
  public void load(ServiceIndex index) {
    forget();
    long now = tables.strangers();
    for (IpFamily family : IpFamily.values()) {
      Iptables.Listing there = of(family).list();
      if (family == IpFamily.IPV4 || isWanted(index, family) || hasOurs(there)) {
        restore(family, index, IptablesRules.none(), there.chains(), entrances(there));
      }
    }
    settle(now);
  }

  /// All is as wanted, unless others changed something since a time.
  private void settle(long since) {
    settled = tables.strangers() == since ? since : UNSETTLED;
  }

  private static boolean isWanted(ServiceIndex index, IpFamily family) {
    return index.ports().stream().anyMatch(port -> port.family() == family);
  }

  private static boolean hasOurs(Iptables.Listing there) {
    return there.chains().values().stream().flatMap(List::stream).anyMatch(KubeChains::isOurs);
  }

  @Override
  public void change(Map<IpFamily, Plan> plans, ServiceIndex index) {
    long now = tables.strangers();
    boolean untouched = now == settled;
    settled = UNSETTLED;
    List<BalancedPort> ports = index.ports();
    for (IpFamily family : IpFamily.values()) {
      IptablesRules before = loaded.get(family);
      boolean wanted = before != null || ports.stream().anyMatch(p -> p.family() == family);
      Plan plan = plans.get(family);
      if (!wanted || plan == null || plan.isEmpty()) {
        continue;
      }
      if (untouched && before != null && !of(family).hasLegacyTables()) {
        restore(family, index, before, there(family, before), "");
        continue;
      }
      Iptables.Listing there = of(family).list();
      boolean asLeft = before != null && isAsLeft(family, there);
      restore(
          family, index, asLeft ? before : IptablesRules.none(), there.chains(), entrances(there));
    }
    if (untouched) {
      settle(now);
    }
  }

  /// The chains that are in the kernel if nobody else changed any.
  private Map<String, List<String>> there(IpFamily family, IptablesRules before) {
    List<String> nat = new ArrayList<>(before.nat().keySet());
    nat.addAll(idle(family).names());
    return Map.of("filter", List.copyOf(before.filter().keySet()), "nat", nat);
  }

  private void restore(
      IpFamily family,
      ServiceIndex index,
      IptablesRules before,
      Map<String, List<String>> there,
      String entrances) {
    IptablesRules wanted = writer(family).write(index.ports(), index.healthChecks().values());
    loaded.remove(family);
    IdleChains chains = idle(family);
    String lines =
        IptablesRules.change(before, wanted, there, chains.names(), Set.of()) + entrances;
    tables.asOurs(() -> of(family).restore(lines));
    loaded.put(family, wanted);
    List<String> unwanted = new ArrayList<>();
    for (String chain : there.getOrDefault("nat", List.of())) {
      if (KubeChains.isOurs(chain) && !wanted.nat().containsKey(chain)) {
        unwanted.add(chain);
      }
    }
    chains.remove(wanted.nat().keySet());
    chains.add(unwanted);
    if (of(family).hasLegacyTables()) {
      left.put(family, ours(of(family).list()));
    } else {
      unseen.add(family);
    }
  }

  private boolean isAsLeft(IpFamily family, Iptables.Listing there) {
    IptablesRules wanted = loaded.get(family);
    return unseen.contains(family)
        ? wanted != null
            && wanted.differences(there, idle(family).names()).isEmpty()
            && entrances(there).isEmpty()
        : ours(there).equals(left.get(family));
  }

  private static String entrances(Iptables.Listing there) {
    StringBuilder text = new StringBuilder();
    for (String table : TABLES) {
      StringBuilder rules = new StringBuilder();
      for (Entrance entrance : ENTRANCES) {
        if (entrance.table().equals(table) && !there.has(table, entrance.from(), entrance.to())) {
          rules.append("-I ").append(entrance.from()).append(' ').append(entrance.rule());
          rules.append('\n');
        }
      }
      if (!rules.isEmpty()) {
        text.append('*').append(table).append('\n').append(rules).append("COMMIT\n");
      }
    }
    return text.toString();
  }

  /// Our chains and the rules that lead to them.
  private static Iptables.Listing ours(Iptables.Listing all) {
    return all.only(KubeChains::isOurs);
  }

  /// Takes away what has been idle for long enough. What somebody else uses stays.
  private void deleteIdle() {
    for (IpFamily family : loaded.keySet()) {
      Set<String> due = idle(family).due();
      if (due.isEmpty()) {
        continue;
      }
      long now = tables.strangers();
      boolean untouched = now == settled;
      Set<String> gone = delete(family, due);
      idle(family).remove(gone);
      left.computeIfPresent(family, (of, before) -> before.without(gone::contains));
      if (untouched) {
        settle(now);
      }
    }
  }

  /// All at once, or where somebody else uses one of them, one by one.
  ///
  /// @return those that went
  private Set<String> delete(IpFamily family, Set<String> due) {
    try {
      tables.asOurs(() -> of(family).restore(IptablesRules.deletion(due)));
      return due;
    } catch (UncheckedIOException e) {
      if (due.size() == 1) {
        String chain = due.iterator().next();
        idle(family).keep(chain);
        LOG.warn("chain {} is of no use any more and cannot go: {}", chain, e.getMessage());
        return Set.of();
      }
    }
    Set<String> gone = new HashSet<>();
    due.forEach(chain -> gone.addAll(delete(family, Set.of(chain))));
    return gone;
  }

  @Override
  public boolean isIntact(ServiceIndex index) {
    deleteIdle();
    long now = tables.strangers();
    if (now == settled && unseen.isEmpty() && looksLeftOut < LOOKS_LEFT_OUT) {
      looksLeftOut++;
      return true;
    }
    looksLeftOut = 0;
    for (IpFamily family : loaded.keySet()) {
      Iptables.Listing there = of(family).list();
      if (!isAsLeft(family, there)) {
        return false;
      }
      left.put(family, ours(there));
      unseen.remove(family);
    }
    settle(now);
    return !loaded.isEmpty();
  }

  @Override
  public List<String> damage(ServiceIndex index) {
    List<String> found = new ArrayList<>();
    for (IpFamily family : unseen) {
      Iptables.Listing there = of(family).list();
      IptablesRules wanted = loaded.getOrDefault(family, IptablesRules.none());
      found.addAll(wanted.differences(there, idle(family).names()));
      for (Entrance entrance : ENTRANCES) {
        if (!there.has(entrance.table(), entrance.from(), entrance.to())) {
          String rule = entrance.from() + " " + entrance.rule();
          found.add("rule \"%s\" of table %s is gone".formatted(rule, entrance.table()));
        }
      }
    }
    left.forEach((family, before) -> {
      if (unseen.contains(family)) {
        return;
      }
      Iptables.Listing now = ours(of(family).list());
      for (String table : TABLES) {
        lost("chain %s of table %s is gone", table, before.chains(), now.chains(), found);
        lost("rule \"%s\" of table %s is gone", table, before.rules(), now.rules(), found);
        lost(
            "rule \"%s\" of table %s is somebody else's",
            table, now.rules(), before.rules(), found);
      }
    });
    return found.size() <= MOST_TOLD ? found : List.copyOf(found.subList(0, MOST_TOLD));
  }

  private static void lost(
      String words,
      String table,
      Map<String, List<String>> before,
      Map<String, List<String>> now,
      List<String> found) {
    Set<String> there = Set.copyOf(now.getOrDefault(table, List.of()));
    for (String one : before.getOrDefault(table, List.of())) {
      if (!there.contains(one)) {
        found.add(words.formatted(one, table));
      }
    }
  }

  @Override
  public void remove() {
    for (IpFamily family : IpFamily.values()) {
      // Every agent asks, and to start two programs where there is nothing takes a while.
      if (!hasTables(family) || !of(family).isInstalled()) {
        continue;
      }
      Iptables.Listing there = of(family).list();
      StringBuilder text = new StringBuilder();
      for (String table : TABLES) {
        List<String> chains =
            there.chains().getOrDefault(table, List.of()).stream()
                .filter(KubeChains::isOurs)
                .toList();
        List<String> leading = there.rulesTo(table, KubeChains::isOurs);
        if (!chains.isEmpty()) {
          text.append('*').append(table).append('\n');
          chains.forEach(chain -> text.append(':').append(chain).append(" - [0:0]\n"));
          leading.forEach(rule -> text.append("-D ").append(rule).append('\n'));
          chains.forEach(chain -> text.append("-X ").append(chain).append('\n'));
          text.append("COMMIT\n");
        }
      }
      if (!text.isEmpty()) {
        tables.asOurs(() -> of(family).restore(text.toString()));
        removeIdleTables(family);
      }
    }
    forget();
  }

  private boolean hasTables(IpFamily family) {
    NftTable.Family of = NftTable.Family.of(family);
    return of(family).hasLegacyTables()
        || tables.tables().stream()
            .anyMatch(table -> table.family() == of && TABLES.contains(table.name()));
  }

  /// Takes away the tables that iptables has made for us in nf_tables, if nobody else uses them; it
  /// makes them again when it needs them.
  private void removeIdleTables(IpFamily family) {
    long now = tables.strangers();
    Set<String> idle = of(family).list().idle();
    List<NftRequest> requests = new ArrayList<>();
    for (NftTable table : tables.tables()) {
      if (table.family() == NftTable.Family.of(family)
          && TABLES.contains(table.name())
          && idle.contains(table.name())) {
        requests.add(new NftRequest.DeleteTable(table));
      }
    }
    try {
      tables.applyIf(now, requests);
    } catch (KernelException e) {
      // Somebody has begun to use one, or it is of use to somebody in another way.
      LOG.debug("an idle table of iptables stays: {}", e.getMessage());
    }
  }

  private IdleChains idle(IpFamily family) {
    return Objects.requireNonNull(idle.get(family));
  }

  private IptablesWriter writer(IpFamily family) {
    return writers.computeIfAbsent(family, one -> new IptablesWriter(one, config));
  }

  private Iptables of(IpFamily family) {
    return Objects.requireNonNull(programs.get(family));
  }

  @Override
  public void close() {
    tables.close();
    forget();
  }
}
