-- max-count in Lua: the same rule, the same words.
return function(view)
  local leader
  for _, member in ipairs(view.members) do
    if member.role ~= "observer" then
      if not leader or member.detected > leader.detected
        or (member.detected == leader.detected and member.account < leader.account) then
        leader = member
      end
    end
  end
  local shown = {}
  for index, member in ipairs(view.members) do
    local row = { account = member.account, count = member.detected }
    if leader and member.role ~= "observer" and leader.detected > member.detected then
      row.count = leader.detected
      row.note = leader.account .. " has " .. leader.detected
    end
    shown[index] = row
  end
  return shown
end
