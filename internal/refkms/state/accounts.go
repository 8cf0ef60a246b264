package state

import "fmt"

// AccountStatus says whether the service works for an account.
type AccountStatus uint8

// The states of an account. One without a record is enabled.
const (
	AccountEnabled    AccountStatus = 1
	AccountNotEnabled AccountStatus = 2 // the service was never activated
	AccountInDebt     AccountStatus = 3
	AccountSuspended  AccountStatus = 4 // overdue
	AccountRisk       AccountStatus = 5 // stopped by risk control
	AccountNoUser     AccountStatus = 6 // unknown to the billing system
	AccountNoPartner  AccountStatus = 7 // of a partner that does not have the service
)

var accountStatuses = [...]string{
	AccountEnabled: "Enabled", AccountNotEnabled: "NotEnabled", AccountInDebt: "InDebt", AccountSuspended: "InDebtOverdue",
	AccountRisk: "ProhibitedByRiskControl", AccountNoUser: "UbsmsInvalidUserid", AccountNoPartner: "UbsmsInvalidBid",
}

// String names the status as the end of the code does that the service then answers with.
func (s AccountStatus) String() string {
	if int(s) >= len(accountStatuses) || accountStatuses[s] == "" {
		return fmt.Sprintf("AccountStatus(%d)", uint8(s))
	}
	return accountStatuses[s]
}

// ParseAccountStatus returns the status of a name, and whether there is one.
func ParseAccountStatus(name string) (AccountStatus, bool) {
	for i, n := range accountStatuses {
		if n == name && n != "" {
			return AccountStatus(i), true
		}
	}
	return 0, false
}

// An Account is what the service knows of an account besides its resources.
type Account struct {
	ID     string
	Status AccountStatus
}

// Accounts holds the accounts whose status is not the usual one, by account, in [Everywhere].
var Accounts = Table[Account]{id: tableAccounts}

// Everywhere is the scope of what belongs to the server as a whole.
const Everywhere Scope = ""

// A Region is one that the service has.
type Region struct {
	ID string
}

// Regions holds the regions of a service that does not have the usual ones, by id, in [Everywhere]. If it is empty, the
// service has those that it is documented to have.
var Regions = Table[Region]{id: tableRegions}
