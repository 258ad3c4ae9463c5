// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.nftables;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.nft.NfTables;
import dev.fairway.linux.nft.NftRequest;
import dev.fairway.linux.nft.NftTable;
import dev.fairway.linux.nft.NftValue;
import dev.fairway.net.IpFamily;
import dev.fairway.traffic.rules.Front;
import dev.fairway.traffic.rules.Plan;
import dev.fairway.traffic.rules.RuleSet;
import dev.fairway.traffic.rules.ServiceDatapath;
import dev.fairway.traffic.rules.ServiceIndex;
import dev.fairway.traffic.rules.ServicesConfig;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps the rules of Services in nf_tables.
///
/// Somebody else's change of nf_tables is noticed by the kernel's generation number.
public final class NftablesDatapath implements ServiceDatapath {
  private static final Logger LOG = LoggerFactory.getLogger(NftablesDatapath.class);
  private static final int ATTEMPTS = 5;
  private static final Plan NOTHING = Plan.between(RuleSet.EMPTY, RuleSet.EMPTY);

  private final NfTables tables;
  private final Map<IpFamily, NftRules> rules = new EnumMap<>(IpFamily.class);

  /// The families that have a table.
  private final Set<IpFamily> loaded = EnumSet.noneOf(IpFamily.class);

  private boolean installed;

  /// What the kernel said of others' changes when the rules were last as wanted.
  private long strangers;

  private NftablesDatapath(ServicesConfig config, NfTables tables) {
    this.tables = tables;
    for (IpFamily family : IpFamily.values()) {
      rules.put(family, new NftRules(family, config));
    }
  }

  /// For the given namespace.
  public static NftablesDatapath open(ServicesConfig config, NetworkNamespace namespace) {
    return new NftablesDatapath(config, NfTables.open(namespace));
  }

  @Override
  public Set<Front> datagramFronts() {
    Set<Front> fronts = new HashSet<>();
    for (IpFamily family : leftBehind(tables)) {
      for (NftValue key : tables.keys(of(family).services())) {
        of(family).datagramFront(key).ifPresent(fronts::add);
      }
    }
    return fronts;
  }

  /// One transaction takes away what there was and puts the whole in its place. IPv4 always has a
  /// table; IPv6 gets one with its first Service, and keeps it.
  @Override
  public void load(ServiceIndex index) {
    installed = false;
    Map<IpFamily, Plan> plans = index.everything();
    loaded.addAll(plans.keySet());
    loaded.add(IpFamily.IPV4);
    loaded.addAll(leftBehind(tables));
    List<NftRequest> requests = new ArrayList<>();
    for (IpFamily family : loaded) {
      requests.addAll(whole(family, plans));
      List<NftRequest.Remembered> clients = tables.remembered(of(family).clients());
      if (!clients.isEmpty()) {
        requests.add(new NftRequest.Recall(of(family).clients(), clients));
      }
    }
    for (int attempt = 1; !installed; attempt++) {
      strangers = tables.strangers();
      try {
        tables.applyIf(strangers, requests);
        installed = true;
      } catch (KernelException e) {
        if (e.errno() != NfTables.ERESTART || attempt == ATTEMPTS) {
          throw e;
        }
      }
    }
  }

  private List<NftRequest> whole(IpFamily family, Map<IpFamily, Plan> plans) {
    Plan all = plans.getOrDefault(family, NOTHING);
    List<NftRequest> requests = new ArrayList<>(of(family).skeleton());
    requests.addAll(of(family).chains(all));
    requests.addAll(of(family).elements(all));
    return requests;
  }

  @Override
  public void change(Map<IpFamily, Plan> plans, ServiceIndex index) {
    if (!installed) {
      load(index);
      return;
    }
    List<NftRequest> before = new ArrayList<>();
    List<NftRequest> requests = new ArrayList<>();
    plans.forEach((family, plan) -> {
      if (!plan.isEmpty()) {
        if (!loaded.contains(family)) {
          before.addAll(of(family).skeleton());
        }
        before.addAll(of(family).chains(plan));
        requests.addAll(of(family).elements(plan));
      }
    });
    if (requests.isEmpty()) {
      return;
    }
    try {
      if (!before.isEmpty()) {
        tables.applyIf(strangers, before);
      }
      tables.applyIf(strangers, requests);
      plans.forEach((family, plan) -> {
        if (!plan.isEmpty()) {
          loaded.add(family);
        }
      });
    } catch (KernelException e) {
      if (e.errno() == NfTables.ERESTART) {
        LOG.info("somebody changed nf_tables; loading the Service rules anew");
      } else {
        LOG.warn("changing the Service rules failed, loading all anew: {}", e.getMessage());
      }
      load(index);
    }
  }

  @Override
  public boolean isIntact(ServiceIndex index) {
    return installed && tables.strangers() == strangers;
  }

  @Override
  public List<String> damage(ServiceIndex index) {
    List<NftRequest> whole = new ArrayList<>();
    Map<IpFamily, Plan> plans = index.everything();
    loaded.forEach(family -> whole.addAll(whole(family, plans)));
    return tables.differences(whole);
  }

  @Override
  public void remove() {
    List<NftRequest> requests = new ArrayList<>();
    for (IpFamily family : leftBehind(tables)) {
      requests.add(new NftRequest.DeleteTable(NftRules.table(family)));
    }
    tables.apply(requests);
    loaded.clear();
    installed = false;
  }

  private static Set<IpFamily> leftBehind(NfTables tables) {
    List<NftTable> there = tables.tables();
    Set<IpFamily> families = EnumSet.noneOf(IpFamily.class);
    for (IpFamily family : IpFamily.values()) {
      if (there.contains(NftRules.table(family))) {
        families.add(family);
      }
    }
    return families;
  }

  private NftRules of(IpFamily family) {
    NftRules found = rules.get(family);
    if (found == null) {
      throw new AssertionError("no rules for " + family);
    }
    return found;
  }

  @Override
  public void close() {
    installed = false;
    tables.close();
  }
}
