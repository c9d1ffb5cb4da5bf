#!/usr/bin/env bash
# Asks two DNS servers for everything that the DNS of a cluster answers about its Services and prints what differs. TTLs
# and the order of records may differ and are not compared.
#
#   deploy/compare-answers.sh OLD NEW [DOMAIN] < SERVICES
#
# OLD and NEW: address, or address#port, reachable from here (run it in a Pod or on a node). SERVICES: a line for each,
# `namespace name addresses`, as kubectl prints them:
#   kubectl get services --all-namespaces --no-headers \
#     --output 'custom-columns=N:.metadata.namespace,M:.metadata.name,A:.spec.clusterIPs[*]'
# Needs dig. The exit status is 1 when an answer differs, 2 when it was called wrongly.
set -euo pipefail

if (($# < 2 || $# > 3)); then
  sed -n '2,/^[^#]/ s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
old=$1 new=$2 domain=${3:-cluster.local}

# Every question about the Services, one a line.
questions() {
  local namespace name addresses service address
  while read -r namespace name addresses; do
    service=$name.$namespace.svc.$domain
    printf '%s A\n%s AAAA\n%s SRV\n%s TXT\nnobody.%s AAAA\n' "$service" "$service" "$service" "$service" "$service"
    for address in ${addresses//,/ }; do
      if [[ $address == *[.:]* ]]; then echo "-x $address"; fi
    done
  done
  printf 'nothing.nowhere.svc.%s A\ndns-version.%s TXT\n' "$domain" "$domain"
}

# The status, then the records without their TTLs, sorted.
ask() {
  local server=${1%%#*} port=53
  if [[ $1 == *#* ]]; then port=${1##*#}; fi
  # shellcheck disable=SC2086 # a question is several words
  dig "@$server" -p "$port" +tries=2 +time=3 +noall +answer +comments $2 |
    awk '/status:/ { sub(/.*status: /, ""); sub(/,.*/, ""); print } /^[^;]/ && NF > 4 { $2 = "-"; print }' | LC_ALL=C sort
}

asked=0 different=0
while read -r question; do
  asked=$((asked + 1))
  if ! difference=$(diff <(ask "$old" "$question") <(ask "$new" "$question")); then
    different=$((different + 1))
    printf '%s\n%s\n' "$question" "$difference"
  fi
done < <(questions)
echo "$asked questions, $different answered differently"
((different == 0))
