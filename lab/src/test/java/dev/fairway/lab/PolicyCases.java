// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// The policies of [PolicyConformanceTest], each with who reaches whom under it.
final class PolicyCases {
  /// @param name as upstream's test of it begins
  /// @param policies see [PolicyConformanceTest]
  /// @param expected see [PolicyMatrix#expect]
  record Case(String name, String policies, String expected) {
    @Override
    public String toString() {
      return name;
    }
  }

  /// `== NAME`, policies, and lines that begin with `+` or `-`.
  private static final String TABLE =
      """
      == support a 'default-deny-ingress' policy
      x: {podSelector: {}, policyTypes: [Ingress]}
      - */* x/*
      == support a 'default-deny-all' policy
      x: {podSelector: {}, policyTypes: [Ingress, Egress]}
      - */* x/*
      - x/* */*
      == allow traffic from pods within server namespace based on PodSelector
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}
      - */* x/a
      + x/b x/a
      == allow ingress traffic for a target
      x: {podSelector: {}, policyTypes: [Ingress]}
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}
      - */* x/*
      + x/b x/a
      == allow ingress traffic from pods in all namespaces
      x: {podSelector: {}, policyTypes: [Ingress]}
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]}
      - */* x/*
      + */* x/a
      == allow traffic only from a different namespace, based on NamespaceSelector
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}}]}]}
      - */* x/a
      + y/* x/a
      == based on PodSelector with MatchExpressions
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchExpressions: [{key: pod, operator: In, values: [b]}]}}]}]}
      - */* x/a
      + x/b x/a
      == based on NamespaceSelector with MatchExpressions
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: In, values: ["y"]}]}}]}]}
      - */* x/a
      + y/* x/a
      == based on NamespaceSelector with MatchExpressions using default ns label
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [matrix-x]}]}}]}]}
      - x/* x/a
      == based on PodSelector or NamespaceSelector
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: ["x"]}]}}, {podSelector: {matchLabels: {pod: b}}}]}]}
      - x/* x/a
      + x/b x/a
      == based on PodSelector and NamespaceSelector
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: ["x"]}]}, podSelector: {matchLabels: {pod: b}}}]}]}
      - */* x/a
      + y/b x/a
      + z/b x/a
      == based on Multiple PodSelectors and NamespaceSelectors
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: ["x"]}]}, podSelector: {matchExpressions: [{key: pod, operator: In, values: [b, c]}]}}]}]}
      - */* x/a
      + y/b x/a
      + y/c x/a
      + z/b x/a
      + z/c x/a
      == based on any PodSelectors
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}, {podSelector: {matchLabels: {pod: c}}}]}]}
      - */* x/a
      + x/b x/a
      + x/c x/a
      == allow traffic only from a pod in a different namespace based on PodSelector and NamespaceSelector
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}, podSelector: {matchLabels: {pod: a}}}]}]}
      - */* x/a
      + y/a x/a
      == based on Ports
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 81}], from: [{namespaceSelector: {matchLabels: {ns: "y"}}}]}]}
      - */* x/a
      + y/* x/a 81/tcp
      == multiple, stacked policies with overlapping podSelectors
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 81}], from: [{namespaceSelector: {matchLabels: {ns: "y"}}}]}]}
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 80}], from: [{namespaceSelector: {matchLabels: {ns: "y"}}}]}]}
      - */* x/a
      + y/* x/a 80/tcp
      + y/* x/a 81/tcp
      == support allow-all policy
      x: {podSelector: {}, policyTypes: [Ingress]}
      x: {podSelector: {}, policyTypes: [Ingress], ingress: [{}]}
      + */* */*
      == allow ingress access on one named port
      x: {podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: serve-81-tcp}]}]}
      - */* x/*
      + */* x/* 81/tcp
      == allow ingress access from namespace on one named port
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: serve-80-tcp}], from: [{namespaceSelector: {matchLabels: {ns: "y"}}}]}]}
      - */* x/a
      + y/* x/a 80/tcp
      == allow egress access on one named port
      x: {podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: serve-80-tcp}]}]}
      - x/* */*
      + x/* */* 80/tcp
      == a named port of UDP
      x: {podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: serve-80-udp, protocol: UDP}]}]}
      - */* x/*
      + */* x/* 80/udp
      == a range of ports
      x: {podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 70, endPort: 80}, {port: 81, endPort: 90, protocol: UDP}]}]}
      - */* x/*
      + */* x/* 80/tcp
      + */* x/* 81/udp
      == a range of ports of egress
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{ports: [{port: 81, endPort: 65535}]}]}
      - x/a */*
      + x/a */* 81/tcp
      == deny ingress from pods on other namespaces
      x: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}
      - */* x/*
      + x/* x/*
      == deny egress from pods based on PodSelector
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress]}
      - x/a */*
      == deny egress from all pods in a namespace
      x: {podSelector: {}, policyTypes: [Egress]}
      - x/* */*
      == work with Ingress, Egress specified together
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}], ports: [{port: 80}]}], egress: [{ports: [{port: 81}]}]}
      - */* x/a
      + x/b x/a 80/tcp
      - x/a */*
      + x/a */* 81/tcp
      == egress policy allowing traffic to a server in a different namespace
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {ns: "y"}}, podSelector: {matchLabels: {pod: a}}}]}]}
      - x/a */*
      + x/a y/a
      == multiple ingress policies with ingress allow-all policy taking precedence
      x: {podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 80}]}]}
      x: {podSelector: {}, policyTypes: [Ingress], ingress: [{}]}
      + */* */*
      == multiple egress policies with egress allow-all policy taking precedence
      x: {podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 80}]}]}
      x: {podSelector: {}, policyTypes: [Egress], egress: [{}]}
      + */* */*
      == egress policy to allow traffic to one address
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: IP(y/b)/32}}]}]}
      - x/a */*
      + x/a y/b
      == except clause while egress access to server in CIDR block
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: NET(x/b), except: [IP(x/b)/32]}}]}]}
      - x/a */*
      + x/a y/b
      + x/a z/b
      == an IP overlapping both IPBlock.CIDR and IPBlock.Except is allowed
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: NET(x/b), except: [IP(x/b)/32]}}]}]}
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: IP(x/b)/32}}]}]}
      - x/a */*
      + x/a */b
      == ingress from a CIDR block but for one address
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: NET(y/c), except: [IP(y/c)/32]}}]}]}
      - */* x/a
      + x/c x/a
      + z/c x/a
      == ingress and egress policies can be controlled independently based on PodSelector
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {pod: b}}}]}]}
      - */* x/a
      - x/a */*
      + x/b x/a
      + x/a x/b
      == policyTypes left out: egress rules isolate both ways
      x: {podSelector: {matchLabels: {pod: a}}, egress: [{to: [{podSelector: {}}]}]}
      - */* x/a
      - x/a */*
      + x/a x/*
      == not allow access by TCP when a policy specifies only UDP
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 81, protocol: UDP}]}]}
      - */* x/a
      + */* x/a 81/udp
      == not mistakenly treat 'protocol: SCTP' as 'protocol: TCP'
      x: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 81, protocol: SCTP}]}]}
      - */* x/a
      == two sides have to agree
      x: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {ns: "y"}}}]}]}
      y: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {pod: b}}}]}]}
      - x/* */*
      - */* y/*
      + */b y/*
      - x/a y/*
      - x/c y/*
      """;

  private PolicyCases() {}

  static Stream<Case> all() {
    List<Case> cases = new ArrayList<>();
    for (String text : TABLE.split("== ")) {
      List<String> lines = text.lines().toList();
      if (lines.isEmpty()) {
        continue;
      }
      List<String> expected =
          lines.stream().filter(line -> line.startsWith("+ ") || line.startsWith("- ")).toList();
      List<String> policies =
          lines.stream().skip(1).filter(line -> !expected.contains(line)).toList();
      cases.add(
          new Case(lines.getFirst(), String.join("\n", policies), String.join("\n", expected)));
    }
    return cases.stream();
  }
}
